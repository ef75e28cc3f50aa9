# Slurm does the work: each stage is a job of srun, with the memory and the cores of its kind.
#
#	make -f slurm.mk -f pairs.mk -j32 BLOCKS=16 SRUN='--partition=cpu --time=4:00:00' ...
#	make -f slurm.mk -f pairs.mk -j8 BLOCKS=64 ARRAY=32 ...
#
# With ARRAY=N the blocks of a pair are one array job, of which N run at once; -j is how many pairs
# there are at a time. SRUN are options of srun and sbatch. This file stands before the pipeline; a
# site's own file, which sets some variables anew, stands between. OUT has to be on a file system
# that all nodes see. semot-cluster(7) has more.

kinds = activations distributions axes projected points contexts coupling distances block matching \
	nearest flow tsv html
variables += SRUN ARRAY MEMORY CORES $(kinds:%=MEMORY.%) $(kinds:%=CORES.%)

# Megabytes, and cores, of a stage; of each kind where it differs. MB is the size of what a stage
# reads, T its cores. The pages of the programs say what grows with what; bench/results/scale.tsv
# has what they took for 16,384 features, and the numbers here are larger than all of these.
MEMORY = 500+2*MB
CORES  = 1

# W_enc, one frame and its points: 16,384 features and 250,000 tokens of 2,304 numbers.
MEMORY.activations = 4000
MEMORY.axes        = 1000
MEMORY.projected   = 6000
MEMORY.points      = 6000
# Both sides, costs of each thread, and what --top keeps.
MEMORY.distances   = $(if $(BLOCKS),1000,$(MEMORY.block))
MEMORY.block       = 3000+4*MB+200*T
MEMORY.coupling    = 1000+3*MB
MEMORY.matching    = 1000+2*MB
MEMORY.html        = 1000+2*MB

CORES.activations  = 4
CORES.axes         = 4
CORES.distances    = $(if $(BLOCKS),1,$(CORES.block))
CORES.block        = 16

SRUN  =
ARRAY =

# All jobs of one OUT have one name; the comment is the stage.
job  = $(eval job := semot-$(firstword $(shell realpath -m $(call input,$(OUT)) | cksum)))$(job)
mine = $(or $($(1)$(suffix $@)),$($(1)))
uses = --quiet --nodes=1 --ntasks=1 --cpus-per-task=$(call mine,CORES) \
	--mem="$$(($(subst T,$(call mine,CORES),$(call mine,MEMORY))))M" \
	--job-name=$(job) --comment=$@ $(SRUN)
RUN  = srun $(uses) env OMP_NUM_THREADS=$(call mine,CORES)
RUN_BLOCKS = $(if $(ARRAY),OMP_NUM_THREADS=$(call mine,CORES) sbatch --wait --requeue \
	--array="$$TASKS"%$(ARRAY) --output=/dev/null $(uses))

# A killed srun can leave its job behind, which keeps its cores until its time is over:
#
#	make -f slurm.mk ... cancel	ends the jobs of this OUT
#	make -f slurm.mk ... measured	what its stages took at most, and a quarter more
.DEFAULT_GOAL := all
cancel:
	scancel --me --name=$(job)
measured:
	@cd -- "$$OUT" && awk '{ n = split(FILENAME, part, "."); kind = part[n - 1] } \
		$$1 == 0 && $$3 > most[kind] { most[kind] = $$3 } \
		END { for (k in most) printf "MEMORY.%s = %d\n", k, most[k] / 800 + 1 }' .*.status
.PHONY: cancel measured
