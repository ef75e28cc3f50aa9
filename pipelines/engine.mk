# What rules.mk stands on. make orders the stages, and the script beside this file decides which are
# to be made. Names of files are never targets: make sees words, and the shell sees quoted text.
#
# It reads variables, by_layer and layers, which the pipelines set.

.SUFFIXES:
.SECONDEXPANSION:
here   := $(subst ?, ,$(here))
script := $(here)stage
space  := $(subst ,, )
c      := ,
define newline


endef

# $(call q,TEXT): a word of the shell. $(call input,NAME): one that no program takes for an option.
q       = '$(subst ','\'',$(1))'
input   = $(call q,$(if $(filter -%,$(firstword $(1))),./)$(1))
# $(call as_word,TEXT): without spaces, and with _ for what may not stand in a layer's name.
# $(call stem,PATH): the last part of it, without its suffix, as such a word.
as_word = $(shell bash $(call q,$(script)) --word $(call q,$(subst $(space),,$(1))))
stem    = $(shell bash $(call q,$(script)) --stem $(call q,$(1)))

# -- Values of the command line -----------------------------------------------------------------

# They are text, whatever they hold: $(value ...) expands nothing. The environment sets none.
from   = $(foreach v,$(2),$(if $(filter $(1),$(origin $(v))),$(v)))
freeze = $(foreach v,$(1),$(eval override $(v) := $$(value $(v))))

$(foreach v,$(call from,environment,$(variables)),$(eval $(v) =))
given := $(call from,command,$(.VARIABLES))
$(call freeze,$(call from,command override,$(variables)))

model   = $(firstword $(subst ., ,$(1)))
models := $(sort $(foreach l,$(layers),$(l) $(call model,$(l))))
known  := $(variables) $(foreach v,$(by_layer),$(addprefix $(v).,$(models)))
ifneq "$(filter-out $(known),$(given))" ""
$(error no variable is named $(filter-out $(known),$(given)). There are $(sort $(variables)), and, \
	with the name of a layer or model after a dot, $(by_layer))
endif
ifneq "$(words $(layers))" "$(words $(sort $(layers)))"
$(error a layer is named twice: $(layers))
endif
$(foreach v,$(given),$(if $(findstring $(newline),$(value $(v))),\
	$(error $(v) holds a control character)))
wrong := $(shell bash $(call q,$(script)) --check $(foreach l,$(layers),$(call q,layer=$(l))) \
	$(foreach v,$(given),$(call q,$(v)=$(value $(v)))))
$(if $(wrong),$(error $(wrong)))
$(call freeze,$(filter-out $(variables),$(given)))

# $(call of,VARIABLE,LAYER): VARIABLE.LAYER if it was given, else VARIABLE.MODEL, else VARIABLE. The
# model is what stands before the first dot of a layer's name.
that = $(firstword $(call from,file override,$(1).$(2) $(1).$(call model,$(2)) $(1)) $(1))
of   = $($(that))

# $(call path,VARIABLE,LAYER): in a pattern % is the layer, in VARIABLE.MODEL what follows the dot;
# %% is a %. $(call shards,OPTION,PATH): in PATH * is each of SHARDS, which OPTION stands before.
percent = $(subst $(newline),%,$(subst %,$(2),$(subst %%,$(newline),$(1))))
within  = $(if $(filter $(1).$(call model,$(2)),$(that)),$(2:$(call model,$(2)).%=%),$(2))
path    = $(call percent,$(of),$(within))
shard   = $(or $(and $(findstring *,$(1)),$(SHARDS)),*)
shards  = $(foreach s,$(call shard,$(2)),$(1)$(call input,$(subst *,$(s),$(2))))

# -- Stages -------------------------------------------------------------------------------------

# The programs built or installed beside these files come before the rest of PATH.
bin   := $(wildcard $(abspath $(here)../build/bin $(here)../../../bin))
PATH  := $(subst $(space),:,$(bin))$(if $(bin),:)$(value PATH)
QUIET := $(findstring s,$(firstword -$(MAKEFLAGS)))
export PATH OUT RUN RUN_BLOCKS BLOCKS QUIET

# A recipe: $(call stage,COMMAND,FILES). The target is what COMMAND writes; FILES, quoted, are what
# it reads beside the prerequisites of the target, which are stages. $(call blocks,COMMAND) makes
# all blocks of a pair; in COMMAND "$BLOCK" is the number of each.
stage  = $(if $(asks),$(call told,$(call ask,$(1),$(2))),@bash $(call q,$(script)) $(work))
blocks = @bash $(call q,$(script)) --blocks $(work)
work   = $@ $(call q,$(1)) $^ -- $(2)
out   := "$$OUT"/

# make -n and make status ask each stage; one that waits for a changed one is changed too.
changed :=
flags := $(firstword -$(MAKEFLAGS))
asks  := $(if $(filter status,$(MAKECMDGOALS)),--status,$(if $(findstring n,$(flags)),--ask))
ask    = $(shell PATH=$(call q,$(PATH)) OUT=$(call q,$(OUT)) bash $(call q,$(script)) $(asks) \
	$(if $(filter $(changed),$^),changed,same) $(work))
told   = $(if $(filter-out done,$(firstword $(1))),$(eval changed += $@))$(if \
	$(filter --ask,$(asks)),$(1),$(info $(1)))
status: all
	@:
.PHONY: all status
$(if $(filter --status,$(asks)),$(info $(shell bash $(call q,$(script)) --heading)))
