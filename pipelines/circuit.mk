# Compresses an attribution graph into supernodes, by the distances between its features.
#
#	make -f circuit.mk GRAPH=graph.json LAYERS='1 2 3' HIDDEN=states/L%.npy SAE=saes/L%
#
# DISTANCE=edgeprofile			by its links alone, without hidden states
# PRUNE='graph-prune --nodes .6'		other nodes; cat keeps all of them
# SUPERNODE='supernode --acyclic'	other groups, one command
# LABELS=labels.tsv			what features are called, where the graph does not say it
# CONTEXTS='1.contexts 2.contexts'	what they fire on, for the page
# TRUTH=people.json:supernodes		how well they agree with people's
#
# The hundred features and errors of most influence are kept: Ward's linkage makes 7 to 18 groups of
# them, which one page shows. Every stage stays in OUT; the last are OUT/GRAPH.DISTANCE.json, the
# graph with its supernodes, OUT/GRAPH.DISTANCE.small.json, in which every supernode is one node,
# OUT/GRAPH.DISTANCE.html, a page, OUT/GRAPH.DISTANCE.scores.tsv, what the groups leave of the
# graph, and, with TRUTH, OUT/GRAPH.DISTANCE.agreement.tsv.

all:
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk

GRAPH     = graph.json
LAYERS    = 1 2 3 4 5 6
PRUNE     = graph-prune --most 100
SUPERNODE = supernode --errors
LABELS    =
CONTEXTS  =
TRUTH     =

name := $(OUT)/$(basename $(notdir $(GRAPH)))
to   := $(name).$(subst $(space),,$(DISTANCE))

$(eval $(call stage,$(name).whole,$(GRAPH) $(LABELS),\
	graph2frame $(LABELS:%=--labels %) $(GRAPH)))
$(eval $(call stage,$(name).graph,$(name).whole,$(PRUNE) $(name).whole))
ifeq "$(firstword $(DISTANCE))" "edgeprofile"
$(eval $(call stage,$(to).distances,$(name).graph,$(DISTANCE) $(name).graph))
else
sides := $(LAYERS:%=$(OUT)/%.$(reads))
$(foreach l,$(LAYERS),$(eval \
	$(call projected,$(l),$(call layer,$(HIDDEN),$(l)),$(call layer,$(SAE),$(l)))))
$(eval $(call stage,$(to).distances,$(sides) $(name).graph,\
	cat $(sides) | featpick --graph $(name).graph | $(DISTANCE) -))
endif
$(eval $(call stage,$(to).supernodes,$(name).graph $(to).distances,\
	$(SUPERNODE) --graph $(name).graph $(to).distances))
$(eval $(call stage,$(to).scores.tsv,$(to).supernodes,\
	graph-score $(to).supernodes | frame2tsv))
$(if $(TRUTH),$(eval $(call stage,$(to).agreement.tsv,$(to).supernodes,\
	group-agree --truth $(TRUTH) $(to).supernodes | frame2tsv)))
$(eval $(call stage,$(to).json,$(to).supernodes,frame2graph $(to).supernodes))
$(eval $(call stage,$(to).small.json,$(to).supernodes,frame2graph --collapse $(to).supernodes))
$(eval $(call stage,$(to).html,$(to).supernodes $(CONTEXTS),\
	graph2html $(CONTEXTS:%=--contexts %) $(to).supernodes))

all: $(to).json $(to).small.json $(to).html $(to).scores.tsv $(if $(TRUTH),$(to).agreement.tsv)
.PHONY: all
