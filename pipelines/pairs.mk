# Matches the features of many pairs of layers.
#
#	make -f pipelines/pairs.mk HIDDEN=states/L%.npy SAE=saes/L% REFERENCE=states/L25.npy \
#		LAYERS='2 4 6'					all pairs
#	make -f pipelines/pairs.mk ... PAIRS='2-4 4-6'		these
#	make -f pipelines/pairs.mk ... BLOCKS=64 -j16		each in pieces, many at once
#
# Layers of other models have a name and a dot before theirs; of each model one says where it is:
#
#	make -f pipelines/pairs.mk LAYERS='12 20 other.8' HIDDEN.other=/data/other/L%.npy \
#		SAE.other=/data/saes/L% REFPROJ.other='refproj --map map.npy ...' ...
#
# Every stage stays in OUT; the last are OUT/A-B.DISTANCE.tsv, tables of the matched features. The
# goal pages makes a page of each, OUT/A-B.DISTANCE.html. The goal align compares two models whole,
# where PAIRS has every layer of one with every layer of the other:
#
#	make -f pipelines/pairs.mk align LAYERS='12 20 other.8 other.9' \
#		PAIRS='12-other.8 12-other.9 20-other.8 20-other.9' ...
#
# OUT/layers.DISTANCE.scores.tsv has the number, OUT/layers.DISTANCE.tsv the plan (layeralign(1)).

all:

variables += LAYERS PAIRS
LAYERS = 1 2 3 4 5 6
PAIRS  = $(foreach l,$(LAYERS),$(addprefix $(l)-,$(call after,$(l),$(LAYERS))))
# $(call after,WORD,WORDS): what comes after it.
after  = $(if $(filter $(1),$(firstword $(2))),$(wordlist 2,$(words $(2)),$(2)),$(if \
	$(2),$(call after,$(1),$(wordlist 2,$(words $(2)),$(2)))))

layers = $(LAYERS)
pairs  = $(PAIRS)
# The folder of this file, with ? for spaces, as include takes them.
here = $(patsubst ?%,%,$(dir $(lastword $(subst akefile?,akefile ,$(subst .mk?,.mk ,$(subst \
	$() ,?,$(MAKEFILE_LIST)))))))
include $(here)rules.mk

all: $(tables)
pages: $(pages)

aligned := layers.$(by)
aligned.columns = row_layer,col_layer,cost,random,share
$(aligned).scores: $(distances)
	$(call stage,layeralign $(addprefix $(out),$^))
$(aligned).scores.tsv: $(aligned).scores
	$(call stage,frame2tsv $(out)$<)
$(aligned).tsv: $(aligned).scores
	$(call stage,frame2tsv --columns $(aligned.columns) $(out)$<)
align: $(aligned).scores.tsv $(aligned).tsv
.PHONY: pages align $(aligned).scores $(aligned).scores.tsv $(aligned).tsv
