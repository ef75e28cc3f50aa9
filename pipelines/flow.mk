# Follows the features of LAYERS from each to the next, and compares with the matchings of the first
# with all others.
#
#	make -f pipelines/flow.mk HIDDEN=states/L%.npy SAE=saes/L% REFERENCE=states/L6.npy \
#		LAYERS='2 3 4'
#	make -f pipelines/flow.mk ... MATCH='nearest --mutual'	shorter chains, and surer
#	make -f pipelines/flow.mk ... FLOW='flow --chance 1'	all pairs, by chance or not
#
# Every stage stays in OUT; the last are OUT/FIRST-LAST.DISTANCE.flow, tables of it, .layers.tsv,
# .pairs.tsv, .chains.tsv and .merges.tsv, and .flow.html, a page. With TOKENS and VOCAB the page
# shows what features fire on, with LABELS what they are called.

all:

variables += LAYERS FLOW
FLOW   = flow
LAYERS = 1 2 3 4 5 6

layers = $(LAYERS)
first  = $(firstword $(layers))
chain  = $(join $(layers:%=%-),$(wordlist 2,$(words $(layers)),$(layers)))
pairs  = $(filter-out %-,$(chain)) $(addprefix $(first)-,$(wordlist 3,$(words $(layers)),$(layers)))
# The folder of this file, with ? for spaces, as include takes them.
here = $(patsubst ?%,%,$(dir $(lastword $(subst akefile?,akefile ,$(subst .mk?,.mk ,$(subst \
	$() ,?,$(MAKEFILE_LIST)))))))
include $(here)rules.mk

flow   := $(first)-$(lastword $(layers)).$(by)
steps  := $(filter-out %-,$(chain))
# One to one, and from each layer to the next the nearest too.
joined := $(foreach p,$(pairs),$(p).$(by).matching \
	$(addsuffix .$(by).nearest,$(filter $(p),$(steps))))

$(flow).flow: $(joined)
	$(call stage,$(FLOW) $(addprefix $(out),$^))

layers.columns = layer,features,births,deaths,through
pairs.columns  = row_layer,col_layer,composed,direct,both,agree,merges
chains.columns = chain,length,weakest,weakest_layer,dearest
merges.columns = row_layer,row_feature,col_layer,col_feature,cost,margin
flow_tables := $(foreach t,layers pairs chains merges,$(flow).$(t).tsv)
$(flow_tables): $(flow).%.tsv: $(flow).flow
	$(call stage,frame2tsv --columns $($*.columns) $(out)$<)

$(flow).flow.html: $(flow).flow $(joined) $(all_shown)
	$(call stage,$(PAGE)$(call on,$(all_shown))$(call option,--labels,LABELS) \
		$(out)$< $(addprefix $(out),$(joined)),$(call option,,LABELS))

all: $(flow_tables) $(flow).flow.html
.PHONY: $(flow).flow $(flow_tables) $(flow).flow.html
