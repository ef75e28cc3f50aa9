# Compresses an attribution graph into supernodes, by the distances between its features.
#
#	make -f circuit.mk GRAPH=graph.json LAYERS='1 2 3' HIDDEN=states/L%.npy SAE=saes/L%
#
# DISTANCE=edgeprofile			by its links alone, without hidden states
# PRUNE='graph-prune --nodes .6'		other nodes; cat keeps all of them
# SUPERNODE='supernode --acyclic'	other groups, one command
# TRUTH=people.json:supernodes		how well they agree with people's
# TOKENS=ids.npy VOCAB=tokenizer.json	the page shows what features fire on
# LABELS=labels.tsv			what features are called that the graph has no label for
#
# The hundred features and errors of most influence are kept: Ward's linkage makes 6 to 14 groups of
# them, which one page shows. Every stage stays in OUT; the last are OUT/GRAPH.DISTANCE.json, the
# graph with its supernodes, OUT/GRAPH.DISTANCE.small.json, in which every supernode is one node,
# OUT/GRAPH.DISTANCE.html, a page, OUT/GRAPH.DISTANCE.scores.tsv, what the groups leave of the
# graph, and, with TRUTH, OUT/GRAPH.DISTANCE.agreement.tsv.

all:

variables += GRAPH LAYERS PRUNE SUPERNODE TRUTH
GRAPH     = graph.json
LAYERS    = 1 2 3 4 5 6
PRUNE     = graph-prune --most 100
SUPERNODE = supernode --errors

layers = $(LAYERS)
# The folder of this file, with ? for spaces, as include takes them.
here = $(patsubst ?%,%,$(dir $(lastword $(subst akefile?,akefile ,$(subst .mk?,.mk ,$(subst \
	$() ,?,$(MAKEFILE_LIST)))))))
include $(here)rules.mk

name := $(call stem,$(GRAPH))
to   := $(name).$(by)

$(name).whole:
	$(call stage,graph2frame$(call option,--labels,LABELS) $(call input,$(GRAPH)),\
		$(call input,$(GRAPH))$(call option,,LABELS))
$(name).graph: $(name).whole
	$(call stage,$(PRUNE) $(out)$<)

ifeq "$(firstword $(DISTANCE))" "edgeprofile"
$(to).distances: $(name).graph
	$(call stage,$(DISTANCE) $(out)$<)
else
$(to).distances: $(name).graph $(layers:%=%.$(reads))
	$(call stage,cat $(addprefix $(out),$(filter-out $<,$^)) | \
		featpick --graph $(out)$< | $(DISTANCE) -)
endif

$(to).supernodes: $(name).graph $(to).distances
	$(call stage,$(SUPERNODE) --graph $(out)$< $(out)$(to).distances)
$(to).json: $(to).supernodes
	$(call stage,frame2graph $(out)$<)
$(to).small.json: $(to).supernodes
	$(call stage,frame2graph --collapse $(out)$<)
$(to).html: $(to).supernodes $(all_shown)
	$(call stage,graph2html$(call on,$(all_shown)) $(out)$<)
$(to).scores.tsv: $(to).supernodes
	$(call stage,graph-score $(out)$< | frame2tsv)
$(to).agreement.tsv: $(to).supernodes
	$(call stage,group-agree --truth $(call input,$(TRUTH)) $(out)$< | frame2tsv,\
		$(call input,$(TRUTH)))

wanted := $(to).json $(to).small.json $(to).html $(to).scores.tsv $(if $(TRUTH),$(to).agreement.tsv)
all: $(wanted)
.PHONY: $(name).whole $(name).graph $(to).distances $(to).supernodes $(to).agreement.tsv $(wanted)
