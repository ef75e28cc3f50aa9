# Matches the features of two layers, A and B.
#
#	make -f pipelines/match.mk HIDDEN=states/L%.npy SAE=saes/L% REFERENCE=states/L6.npy A=2 B=4
#	make -f pipelines/match.mk ... DISTANCE=decoder		another distance, one word
#	make -f pipelines/match.mk ... DISTANCE='sinkhorn --top 8 --error 8'	with certified pairs
#
# Two texts, or two models, each with states of one reference layer; their tokens are coupled, and
# coact compares features through the coupling:
#
#	make -f pipelines/match.mk A_HIDDEN=one/L2.npy REFERENCE=one/L6.npy \
#		B_HIDDEN=two/L4.npy B_REFERENCE=two/L6.npy COUPLE=couple DISTANCE=coact ...
#
# Two models that have read one text with tokenizers of their own: ROWS has the token of B for each
# token of A (examples/token_rows.py makes it), and REFERENCE holds states of B's model:
#
#	make -f pipelines/match.mk A_HIDDEN=one/L12.npy A_SAE=one/sae REFERENCE=two/L25.npy \
#		B_HIDDEN=two/L20.npy B_SAE=two/sae A=one B=two ROWS=rows.npy DISTANCE=coact
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
# For a second text: its states at the layer of REFERENCE, whose axes serve both. Another text of
# another model needs a B_REFPROJ with a map that leads there, the same --space in both, and
# ACT_DUMP=act-dump, with points.
B_REFERENCE = $(REFERENCE)
two_texts   = $(filter-out $(REFERENCE),$(B_REFERENCE))
ROWS        =
A_REFPROJ   = $(REFPROJ)$(if $(two_texts), --space texts)$(if $(ROWS), --rows $(ROWS))
B_REFPROJ   = $(if $(two_texts),refproj --lift $(B_REFERENCE) --axes $(OUT)/reference.axes \
	--space texts,$(REFPROJ))
COUPLE      = $(if $(ROWS),$(if $(filter coact,$(firstword $(DISTANCE))),\
	couple --by rows --rows $(ROWS)))

to := $(call pair,$(A),$(B))

# $(call coupled,NAME,REFERENCE,REFPROJ): the tokens' points, of length 1, OUT/NAME.points.
define coupled
$(call stage,$(OUT)/$(1).points,\
	$(OUT)/$(1).activations $(firstword $(subst :, ,$(2))) $(axes),\
	$(3) --unit $(OUT)/$(1).activations)
endef

$(eval $(call projected,$(A),$(A_HIDDEN),$(A_SAE),$(REFERENCE),$(A_REFPROJ)))
ifneq "$(A)" "$(B)"
$(eval $(call projected,$(B),$(B_HIDDEN),$(B_SAE),$(B_REFERENCE),$(B_REFPROJ)))
endif
ifneq "$(COUPLE)" ""
coupling := $(OUT)/$(A)-$(B).coupling
kind     := $(if $(filter rows identity,$(COUPLE)),activations,points)
ifeq "$(kind)" "points"
$(eval $(call coupled,$(A),$(REFERENCE),$(A_REFPROJ)))
ifneq "$(A)" "$(B)"
$(eval $(call coupled,$(B),$(B_REFERENCE),$(B_REFPROJ)))
endif
endif
$(eval $(call stage,$(coupling),$(OUT)/$(A).$(kind) $(OUT)/$(B).$(kind) $(ROWS),\
	$(COUPLE) $(OUT)/$(A).$(kind) $(OUT)/$(B).$(kind)))
endif
$(eval $(call distances,$(A),$(B),$(coupling)))
$(eval $(call matching,$(A),$(B),matching,$(MATCH)))
columns := row_layer row_feature col_layer col_feature cost margin
columns += $(if $(filter --error%,$(DISTANCE)),error certified)
$(eval $(call stage,$(to).tsv,$(to).matching,frame2tsv --columns \
	$(subst $(space),$(c),$(strip $(columns))) $(to).matching))

all: $(to).tsv
.PHONY: all
