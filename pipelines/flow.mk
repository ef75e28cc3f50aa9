# Follows the features of LAYERS from each to the next, and compares with the matchings of the first
# with all others.
#
#	make -f pipelines/flow.mk HIDDEN=states/L%.npy SAE=saes/L% REFERENCE=states/L6.npy \
#		LAYERS='2 3 4'
#	make -f pipelines/flow.mk ... MATCH='nearest --mutual'	shorter chains, and surer
#
# Every stage stays in OUT; the last are OUT/FIRST-LAST.DISTANCE.flow and tables of it, .layers.tsv,
# .pairs.tsv, .chains.tsv and .merges.tsv.

all:
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk

LAYERS = 1 2 3 4 5 6

first     := $(firstword $(LAYERS))
to        := $(call pair,$(first),$(lastword $(LAYERS)))
before    :=
matchings :=

# $(call link,A,B): one to one. $(call next,L): from the layer before, the nearest too.
define link
matchings += $(call pair,$(1),$(2)).matching
$(call distances,$(1),$(2))
$(call matching,$(1),$(2),matching,$(MATCH))
endef
define next
$(if $(before),$(call link,$(before),$(1))
matchings += $(call pair,$(before),$(1)).nearest
$(call matching,$(before),$(1),nearest,nearest))
before := $(1)
endef
table = $(eval $(call stage,$(to).$(1).tsv,$(to).flow,\
	frame2tsv --columns $(subst $(space),$(c),$(2)) $(to).flow))

$(foreach l,$(LAYERS),$(eval $(call projected,$(l),\
	$(call layer,$(HIDDEN),$(l)),$(call layer,$(SAE),$(l)))))
$(foreach l,$(LAYERS),$(eval $(call next,$(l))))
$(foreach l,$(wordlist 3,$(words $(LAYERS)),$(LAYERS)),$(eval $(call link,$(first),$(l))))
$(eval $(call stage,$(to).flow,$(matchings),flow $(matchings)))
$(call table,layers,layer features births deaths through)
$(call table,pairs,row_layer col_layer composed direct both agree merges)
$(call table,chains,chain length weakest weakest_layer dearest)
$(call table,merges,row_layer row_feature col_layer col_feature cost margin)

all: $(foreach t,layers pairs chains merges,$(to).$(t).tsv)
.PHONY: all
