# The stages of all pipelines. A pipeline names layers, and pairs of them, and asks for what it wants:
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
by_layer = HIDDEN SAE REFERENCE ROWS CONTEXT SKIP SKIP_IDS MASK TOKENS ACT_DUMP FEATDIST REFPROJ
variables += $(by_layer) SHARDS OUT RUN REFAXES DISTANCE MATCH COUPLE bin

# Files. % is the layer, * each of SHARDS, or all files that match.
HIDDEN    = hidden_L%.npy
SAE       = sae_L%_s0
REFERENCE = hidden_L6.npy
OUT       = out

# The commands; in them "$OUT" is OUT.
ACT_DUMP  = act-dump --no-point
FEATDIST  = featdist
REFAXES   = refaxes --whiten
REFPROJ   = refproj $(call shards,--lift,$(reference)) --axes $(out)reference.axes $(texts) $(rows)
DISTANCE  = sinkhorn
MATCH     = hungarian
COUPLE    = $(if $(filter coact,$(firstword $(DISTANCE))),$(by_list))

include $(dir $(lastword $(MAKEFILE_LIST)))engine.mk

# -- Layers -------------------------------------------------------------------------------------

activations   := $(layers:%=%.activations)
distributions := $(layers:%=%.distributions)
projected     := $(layers:%=%.projected)
points        := $(layers:%=%.points)
.PHONY: reference.axes $(activations) $(distributions) $(projected) $(points)

# $(call option,--skip,SKIP): the option and the layer's value of it, if there is one.
option = $(if $(call of,$(2),$*), $(1) $(call input,$(call of,$(2),$*)))

# Which tokens count, for all programs that read states.
tokens = $(call option,--context,CONTEXT)$(call option,--skip,SKIP)$(call option,--mask,MASK)$(if \
	$(call of,SKIP_IDS,$*),$(call option,--skip-ids,SKIP_IDS)$(call option,--tokens,TOKENS))

hidden = $(call shards,$(1),$(call path,HIDDEN,$*))
sae    = $(call path,SAE,$*)
$(activations): %.activations:
	$(call stage,$(call of,ACT_DUMP,$*) $(call hidden,--hidden) --sae $(call input,$(sae)) \
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
	$(subst /$(REFERENCE)/,,/$(call of,REFERENCE,$(l))/))),--space texts)
rows      = $(call option,--rows,ROWS)
to_space  = $(strip $(call of,REFPROJ,$*))
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
.PHONY: $(couplings) $(distances) $(matchings) $(nearest) $(tables)

# Tokens of two texts are coupled, to compare activations on them: by points, or by a list of rows.
list     = $(if $(call of,ROWS,$(a.$*)),$(call input,$(call of,ROWS,$(a.$*))))
by_list  = $(if $(list),couple --by rows --rows $(list))
coupled  = $(if $(filter rows identity,$(COUPLE)),activations,points)
$(couplings): %.coupling: $$(a.$$*).$$(coupled) $$(b.$$*).$$(coupled)
	$(call stage,$(COUPLE) $(out)$(a.$*).$(coupled) $(out)$(b.$*).$(coupled),$(list))

reads    = $(if $(filter coact,$(firstword $(DISTANCE))),activations,projected)
sides    = $(a.$*).$(reads) $(b.$*).$(reads)
coupling = $(if $(COUPLE),$*.coupling)
$(distances): %.$(by).distances: $$(sides) $$(coupling)
	$(call stage,$(DISTANCE)$(coupling:%= --coupling $(out)%) $(addprefix $(out),$(sides)))

$(matchings): %.matching: %.distances
	$(call stage,$(MATCH) $(out)$<)
$(nearest): %.nearest: %.distances
	$(call stage,nearest $(out)$<)

columns = row_layer,row_feature,col_layer,col_feature,cost,margin
errors  = $(if $(filter --error%,$(DISTANCE)),$(c)error$(c)certified)
$(tables): %.tsv: %.matching
	$(call stage,frame2tsv --columns $(columns)$(errors) $(out)$<)
