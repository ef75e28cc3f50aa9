# Follows the features of LAYERS from each to the next.
#
#	make -f pipelines/flow.mk HIDDEN=states/L%.npy SAE=saes/L% REFERENCE=states/L6.npy LAYERS='2 3 4'
#	make -f pipelines/flow.mk ... FLOW_MATCH='hungarian --mutual'		shorter chains, surer ones
#
# Every stage stays in OUT; the last are OUT/flow.DISTANCE.stream and tables of it: .layers.tsv, .pairs.tsv (composed matchings
# against direct ones from the first layer), .chains.tsv and .merges.tsv.

all:
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk

