# Matches the features of two layers, A and B.
#
#	make -f pipelines/match.mk HIDDEN=states/L%.npy SAE=saes/L% REFERENCE=states/L6.npy A=2 B=4
#	make -f pipelines/match.mk ... DISTANCE=decoder		another distance, one word
#	make -f pipelines/match.mk ... DISTANCE='sinkhorn --top 8 --error 8'	with certified pairs
#
# Every stage stays in OUT; the last, OUT/A-B.DISTANCE.tsv, is a table of the matched features.

all:
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk

A     = 2
B     = 4
# For sides that the patterns do not fit, such as two SAEs of one layer; A and B are then names.
A_HIDDEN = $(call layer,$(HIDDEN),$(A))
B_HIDDEN = $(call layer,$(HIDDEN),$(B))
A_SAE    = $(call layer,$(SAE),$(A))
B_SAE    = $(call layer,$(SAE),$(B))

to := $(call pair,$(A),$(B))

$(eval $(call projected,$(A),$(A_HIDDEN),$(A_SAE)))
ifneq "$(A)" "$(B)"
$(eval $(call projected,$(B),$(B_HIDDEN),$(B_SAE)))
endif
$(eval $(call distances,$(A),$(B)))
$(eval $(call matching,$(A),$(B),matching,$(MATCH)))
columns := row_layer row_feature col_layer col_feature cost margin
columns += $(if $(filter --error%,$(DISTANCE)),error certified)
$(eval $(call stage,$(to).tsv,$(to).matching,frame2tsv --columns \
	$(subst $(space),$(c),$(strip $(columns))) $(to).matching))

all: $(to).tsv
.PHONY: all
