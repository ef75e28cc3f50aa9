# What all pipelines share. A stage is a file made by a pipe of filters:
#
#	$(eval $(call stage,TARGET,INPUTS,COMMAND))
#
# The target appears when the whole pipe has succeeded, and not before. It is made again when an
# input is newer, or when the command has changed, which .TARGET.command remembers. `make -n` shows
# what would run.

SHELL       := bash
.SHELLFLAGS := -o pipefail -ec
.SUFFIXES:

# The programs built or installed beside these files come before the rest of PATH.
here  := $(dir $(lastword $(MAKEFILE_LIST)))
space := $(subst ,, )
c     := ,
bin   := $(wildcard $(abspath $(here)../build/bin $(here)../../../bin))
export PATH := $(subst $(space),:,$(bin))$(if $(bin),:)$(PATH)

command = $(dir $(strip $(1))).$(notdir $(strip $(1))).command

# make -n shows what would run and remembers nothing.
asked := $(findstring n,$(firstword -$(MAKEFLAGS)))
.PHONY: always

define stage
ifneq "$$(strip $$(file <$(call command,$(1))))" "$(strip $(3))"
ifeq "$(asked)" ""
$$(shell mkdir -p $(dir $(1)))$$(file >$(call command,$(1)),$(strip $(3)))
else
$(strip $(1)): always
endif
endif
$(strip $(1)): $(2) $(if $(asked),,$(call command,$(1)))
	$(strip $(3)) >$$@.part || { rm -f $$@.part; exit 1; }
	@mv $$@.part $$@
endef

# $(call layer,PATTERN,NAME): the file that a pattern names, in which % is the layer.
layer = $(subst %,$(2),$(1))

# $(call projected,NAME,HIDDEN,SAE): the stages from a layer's states to OUT/NAME.projected; of
# another text than REFERENCE's $(call projected,NAME,HIDDEN,SAE,REFERENCE,REFPROJ). A REFPROJ with
# --rows may leave tokens out, so it comes before FEATDIST.
define projected
$(call stage,$(OUT)/$(1).activations,$(firstword $(subst :, ,$(2))) $(or $(wildcard $(3)/*),$(3)),\
	$(ACT_DUMP) --hidden $(2) --sae $(3) --layer $(1))
$(if $(filter --rows,$(5)),$(call stage,$(OUT)/$(1).projected,\
	$(OUT)/$(1).activations $(firstword $(subst :, ,$(4))) $(axes) $(ROWS),\
	$(5) $(OUT)/$(1).activations | $(FEATDIST)),\
$(call stage,$(OUT)/$(1).distributions,$(OUT)/$(1).activations,$(FEATDIST) $(OUT)/$(1).activations)
$(call stage,$(OUT)/$(1).projected,\
	$(OUT)/$(1).distributions $(firstword $(subst :, ,$(or $(4),$(REFERENCE)))) $(axes),\
	$(or $(5),$(REFPROJ)) $(OUT)/$(1).distributions))
endef

# What a distance stage reads: coact activations, all others projected distributions.
reads = $(if $(filter coact,$(firstword $(DISTANCE))),activations,projected)

# $(call pair,A,B): the stem of all that is made of the distances of two layers.
pair = $(OUT)/$(1)-$(2).$(subst $(space),,$(DISTANCE))

# $(call distances,A,B,COUPLING): the stage that makes OUT/A-B.DISTANCE.distances; without COUPLING
# A and B are of the same text.
define distances
$(call stage,$(call pair,$(1),$(2)).distances,\
	$(1:%=$(OUT)/%.$(reads)) $(2:%=$(OUT)/%.$(reads)) $(3),\
	$(DISTANCE) $(3:%=--coupling %) $(1:%=$(OUT)/%.$(reads)) $(2:%=$(OUT)/%.$(reads)))
endef

# $(call matching,A,B,KIND,COMMAND): the stage that makes OUT/A-B.DISTANCE.KIND of them.
define matching
$(call stage,$(call pair,$(1),$(2)).$(3),$(call pair,$(1),$(2)).distances,\
	$(4) $(call pair,$(1),$(2)).distances)
endef

# The stages' commands; any of them can be replaced from make's command line.
HIDDEN    = hidden_L%.npy
SAE       = sae_L%_s0
REFERENCE = hidden_L6.npy
OUT       = out
ACT_DUMP  = act-dump --no-point
FEATDIST  = featdist
REFAXES   = refaxes --whiten $(REFERENCE)
REFPROJ   = refproj --lift $(REFERENCE) --axes $(OUT)/reference.axes
DISTANCE  = sinkhorn
MATCH     = hungarian

# The axes of the reference, once for all layers, if REFPROJ reads them.
axes := $(filter $(OUT)/reference.axes,$(REFPROJ))
$(if $(axes),$(eval $(call stage,$(axes),$(firstword $(subst :, ,$(REFERENCE))),$(REFAXES))))
