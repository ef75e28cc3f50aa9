# Matches the features of two layers, A and B.
#
#	make -f pipelines/match.mk HIDDEN=states/L%.npy SAE=saes/L% REFERENCE=states/L6.npy A=2 B=4
#	make -f pipelines/match.mk ... DISTANCE=decoder		another distance, one word
#	make -f pipelines/match.mk ... DISTANCE='sinkhorn --part 0 --error 8'	with certified pairs
#
# Two texts, or two models, each with states of one reference layer; their tokens are coupled, and
# coact compares features through the coupling. A and B are names:
#
#	make -f pipelines/match.mk A=one B=two HIDDEN.one=one/L2.npy HIDDEN.two=two/L4.npy \
#		SAE.one=saes/L2 SAE.two=saes/L4 REFERENCE=one/L6.npy REFERENCE.two=two/L6.npy \
#		COUPLE=couple DISTANCE=coact
#
# Two models that have read one text with tokenizers of their own: ROWS.A is the token of B for each
# token of A (examples/token_rows.py makes it), and REFERENCE holds states of the model of B:
#
#	make -f pipelines/match.mk A=one B=two ROWS.one=rows.npy REFERENCE=two/L25.npy \
#		HIDDEN.one=one/L12.npy SAE.one=one/sae HIDDEN.two=two/L20.npy SAE.two=two/sae
#
# Every stage stays in OUT; the last are OUT/A-B.DISTANCE.tsv, a table of the matched features, and
# OUT/A-B.DISTANCE.html, a page of them. With TOKENS and VOCAB it shows what features fire on, with
# LABELS what they are called.

all:

variables += A B
A = 2
B = 4

layers = $(A) $(filter-out $(A),$(B))
pairs  = $(A)-$(B)
# The folder of this file, with ? for spaces, as include takes them.
here = $(patsubst ?%,%,$(dir $(lastword $(subst akefile?,akefile ,$(subst .mk?,.mk ,$(subst \
	$() ,?,$(MAKEFILE_LIST)))))))
include $(here)rules.mk

all: $(tables) $(pages)
