# The stages of all pipelines. A pipeline names layers and pairs of them, and what it wants:
#
#	layers = 2 4 6
#	pairs  = 2-4 4-6
#	include rules.mk
#	all: $(tables)
#
# A stage is a file of OUT, which one command makes. Its rule reads like any rule of make:
#
#	$(activations): %.activations:		OUT/2.activations, and so for each layer
#		$(call stage,COMMAND,FILES)	FILES: what COMMAND reads that is no stage
#
# A stage is made when it is missing, and when it would be made of something else than it was: by
# another command, of other inputs, by a rebuilt program. make -n shows what would run, make status
# how far all is. What a stage said, its time and its memory lie beside it: see the file stage.

# -- Variables ----------------------------------------------------------------------------------

# These can be set for one layer, as in SAE.4=other/L4, or for one model: HIDDEN.gpt2=gpt2/L%.npy is
# for layers with names such as gpt2.4.
by_layer = HIDDEN SAE REFERENCE ROWS CONTEXT SKIP SKIP_IDS MASK TOKENS VOCAB LABELS \
	ACT_DUMP FEATDIST REFPROJ CONTEXTS
variables += $(by_layer) SHARDS OUT RUN RUN_BLOCKS BLOCKS REFAXES DISTANCE MATCH COUPLE PAGE bin

# Files. % is the layer, * each of SHARDS, or all files that match.
HIDDEN    = hidden_L%.npy
SAE       = sae_L%_s0
REFERENCE = hidden_L6.npy
OUT       = out
# More files: MASK says which tokens count, TOKENS is their ids, VOCAB the strings of these, LABELS
# what features are called. Numbers: CONTEXT, the length of a sequence, SKIP, how many tokens at its
# beginning do not count; BLOCKS, in how many pieces distances are made.

# The commands; in them "$OUT" is OUT.
ACT_DUMP  = act-dump --no-point
FEATDIST  = featdist
REFAXES   = refaxes --whiten
REFPROJ   = refproj $(call shards,--lift ,$(reference)) --axes $(out)reference.axes$(texts)$(rows)
DISTANCE  = sinkhorn
MATCH     = hungarian
COUPLE    = $(if $(filter coact,$(firstword $(DISTANCE))),$(by_list))
CONTEXTS  = contexts
PAGE      = match2html

# The folder of this file, with ? for spaces, as include takes them.
here = $(patsubst ?%,%,$(dir $(lastword $(subst akefile?,akefile ,$(subst .mk?,.mk ,$(subst \
	$() ,?,$(MAKEFILE_LIST)))))))
include $(here)engine.mk

# -- Layers -------------------------------------------------------------------------------------

activations   := $(layers:%=%.activations)
distributions := $(layers:%=%.distributions)
projected     := $(layers:%=%.projected)
points        := $(layers:%=%.points)
fired_on      := $(layers:%=%.contexts)
.PHONY: reference.axes $(activations) $(distributions) $(projected) $(points) $(fired_on)

# $(call option,--skip,SKIP): the option and the layer's value of it, if there is one.
option = $(if $(call of,$(2),$*), $(1) $(call input,$(call of,$(2),$*)))

# Which tokens count, for all programs that read states.
tokens = $(call option,--context,CONTEXT)$(call option,--skip,SKIP)$(call option,--mask,MASK)$(if \
	$(call of,SKIP_IDS,$*),$(call option,--skip-ids,SKIP_IDS)$(call option,--tokens,TOKENS))

hidden = $(call shards,$(1),$(call path,HIDDEN,$*))
sae    = $(call path,SAE,$*)
$(activations): %.activations:
	$(call stage,$(call of,ACT_DUMP,$*) $(call hidden,--hidden ) --sae $(call input,$(sae)) \
		--layer $*$(tokens)$(if $(call of,SKIP_IDS,$*),,$(call option,--tokens,TOKENS)),\
		$(hidden) $(call q,sae:$(sae))$(call option,,MASK)$(call option,,TOKENS))

$(distributions): %.distributions: %.activations
	$(call stage,$(call of,FEATDIST,$*) $(out)$<)

# The axes of the reference, once for all layers.
reference.axes:
	$(call stage,$(REFAXES) $(call shards,,$(REFERENCE))$(tokens),\
		$(call shards,,$(REFERENCE))$(call option,,MASK)$(call option,,TOKENS))

# Into the reference space. Several texts have one space, by the axes of one of them. With --rows
# refproj may leave tokens out, so it comes before FEATDIST.
reference = $(call of,REFERENCE,$*)
texts     = $(if $(strip $(foreach l,$(layers),\
	$(subst /$(REFERENCE)/,,/$(call of,REFERENCE,$(l))/))), --space texts)
rows      = $(call option,--rows,ROWS)
to_space  = $(call of,REFPROJ,$*)
refproj   = $(to_space)$(if $(filter --whiten --dim --fit,$(to_space)),$(tokens))
axes      = $(if $(findstring reference.axes,$(to_space)),reference.axes)
lifted    = $(call shards,,$(reference))$(call option,,ROWS)
by_rows  := $(foreach l,$(layers),\
	$(if $(call of,ROWS,$(l))$(findstring --rows,$(call of,REFPROJ,$(l))),$(l)))

$(filter-out $(by_rows:%=%.projected),$(projected)): %.projected: %.distributions $$(axes)
	$(call stage,$(refproj) $(out)$<,$(lifted))
$(by_rows:%=%.projected): %.projected: %.activations $$(axes)
	$(call stage,$(refproj) $(out)$< | $(call of,FEATDIST,$*),$(lifted))
# Of single tokens, of length 1, to couple those of two texts.
$(points): %.points: %.activations $$(axes)
	$(call stage,$(refproj) --unit $(out)$<,$(lifted))

# What features fire on, of activations that carry the ids of their tokens, for the pages.
shown     = $(if $(call of,TOKENS,$(1)),$(1).contexts)
all_shown = $(foreach l,$(layers),$(call shown,$(l)))
ifneq "$(strip $(foreach l,$(layers),$(call of,VOCAB,$(l))))" ""
$(if $(strip $(all_shown)),,$(error VOCAB has the strings of tokens; TOKENS says which there are))
endif
on        = $(if $(1), $(addprefix --contexts $(out),$(1)))
$(fired_on): %.contexts: %.activations
	$(call stage,$(call of,CONTEXTS,$*)$(call option,--vocab,VOCAB) $(out)$<,\
		$(call option,,VOCAB))

# -- Pairs of layers ----------------------------------------------------------------------------

# a.2-4 is 2, b.2-4 is 4. What is made of distances has the distance in its name.
pairs := $(pairs)
$(foreach a,$(layers),$(foreach b,$(layers),$(if $(filter $(a)-$(b),$(pairs)),\
	$(if $(a.$(a)-$(b)),$(error two pairs of layers are named $(a)-$(b)))\
	$(eval a.$(a)-$(b) := $(a))$(eval b.$(a)-$(b) := $(b)))))
$(foreach p,$(pairs),$(if $(a.$(p)),,$(error $(p) is no pair of the layers $(layers))))

by        := $(call as_word,$(DISTANCE))
couplings := $(pairs:%=%.coupling)
distances := $(pairs:%=%.$(by).distances)
matchings := $(pairs:%=%.$(by).matching)
nearest   := $(pairs:%=%.$(by).nearest)
tables    := $(pairs:%=%.$(by).tsv)
pages     := $(pairs:%=%.$(by).html)
.PHONY: $(couplings) $(distances) $(matchings) $(nearest) $(tables) $(pages)

# Tokens of two texts are coupled, to compare activations on them: by points, or by a list of rows.
list     = $(if $(call of,ROWS,$(a.$*)),$(call input,$(call of,ROWS,$(a.$*))))
by_list  = $(if $(list),couple --by rows --rows $(list))
coupled  = $(if $(filter rows identity,$(COUPLE)),activations,points)
$(couplings): %.coupling: $$(a.$$*).$$(coupled) $$(b.$$*).$$(coupled)
	$(call stage,$(COUPLE) $(out)$(a.$*).$(coupled) $(out)$(b.$*).$(coupled),$(list))

reads    = $(or $(reads.$(firstword $(DISTANCE))),projected)
reads.coact   = activations
reads.decoder = distributions
sides    = $(a.$*).$(reads) $(b.$*).$(reads)
coupling = $(if $(COUPLE),$*.coupling)
distance = $(DISTANCE)$(coupling:%= --coupling $(out)%)
ifeq "$(BLOCKS)" ""
$(if $(RUN_BLOCKS),$(error there are no blocks without BLOCKS))
$(distances): %.$(by).distances: $$(sides) $$(coupling)
	$(call stage,$(distance) $(addprefix $(out),$(sides)))
else
# In BLOCKS pieces, each a stage: some rows of the matrix.
numbers := $(shell seq $(BLOCKS))
rows_of  = $(distance) --rows "$$BLOCK"/$(BLOCKS) $(addprefix $(out),$(sides))
define block
$(pairs:%=%.$(by).$(1).block): %.$(by).$(1).block: $$$$(sides) $$$$(coupling) $(at_once)
	$$(call stage,$$(rows_of))
.PHONY: $(pairs:%=%.$(by).$(1).block)
endef
# RUN_BLOCKS makes those of a pair at once; each then finds itself made.
ifneq "$(RUN_BLOCKS)" ""
at_once := $(if $(asks),,| $$$$*.$(by).all.block)
$(pairs:%=%.$(by).all.block): %.$(by).all.block: $$(sides) $$(coupling)
	$(call blocks,$(rows_of))
.PHONY: $(pairs:%=%.$(by).all.block)
endif
$(foreach n,$(numbers),$(eval $(call block,$(n))))
$(distances): %.distances: $(numbers:%=$$*.%.block)
	$(call stage,framecat --merge $(addprefix $(out),$^))
endif

$(matchings): %.matching: %.distances
	$(call stage,$(MATCH) $(out)$<)
$(nearest): %.nearest: %.distances
	$(call stage,nearest $(out)$<)

columns = row_layer,row_feature,col_layer,col_feature,cost$(near),margin$(errors)$(named)
# One nearest column says nothing about chance: that takes the second.
near    = $(if $(findstring --top=1 ,$(subst --top ,--top=,$(DISTANCE)) ),,$(c)chance)
errors  = $(if $(filter --error%,$(DISTANCE)),$(c)error$(c)certified)
named   = $(if $(labels),$(c)row_label$(c)col_label)
$(tables): %.$(by).tsv: %.$(by).matching
	$(call stage,frame2tsv --columns $(columns)$(labels) $(out)$<,$(label_files))

# What the features are called.
label_of    = $(call of,LABELS,$($(1).$*))
b_others    = $(subst /$(call label_of,a)/,,/$(call label_of,b)/)
labels      = $(if $(call label_of,a), --labels $(call input,$(call label_of,a)))$(if \
	$(b_others), --labels-b $(call input,$(call label_of,b)))
label_files = $(foreach s,a b,$(if $(call label_of,$(s)),$(call input,$(call label_of,$(s)))))

# A page of the matched features.
contexts = $(sort $(call shown,$(a.$*)) $(call shown,$(b.$*)))
$(pages): %.$(by).html: %.$(by).matching %.$(by).distances $$(contexts)
	$(call stage,$(PAGE) --distances $(out)$*.$(by).distances$(call on,$(contexts))$(labels) \
		$(out)$<,$(label_files))
