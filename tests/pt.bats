# Files of torch.save, by way of tests/pt, act-dump and decoder.

load helper

@test "random objects, views and types are read as numpy has them" {
	for seed in 1 2 3; do
		oracle pt random $seed
	done
}

@test "pickles, archives and views that lie are refused, and why" {
	oracle pt hostile
}

@test "a file that was cut or changed is read or refused with one line" {
	oracle pt one x.pt
	PATH=$BUILD/tests:$PATH oracle mutate x.pt pt {}
}

@test "states in a .pt: one tensor, one of several by its name, views; the same bits as .npy" {
	oracle dialects dl_gated >read
	"$PY" -c 'import numpy as np, pt
x = np.load("dl_gated/states.npy")
pt.save("one.pt", x)
pt.save("named.pt", {"layer": 3, "hidden": pt.Parameter(x)}, 4)
pt.save("more.pt", {"a": [x, np.zeros((3, 2))], "b": {"turned": np.ascontiguousarray(x.T).T}})
pt.save("half.pt", x.astype("f2")); np.save("half.npy", x.astype("f2"))
mask = np.arange(len(x)) % 3 > 0
pt.save("mask.pt", mask); np.save("mask.npy", mask)'
	acts() { act-dump --quiet --sae dl_gated --hidden "$@"; }
	acts dl_gated/states.npy >wanted
	acts half.npy >half
	acts half.pt >found
	oracle same half found
	acts half.npy --mask mask.npy >half
	acts half.pt --mask mask.pt >found
	oracle same half found
	for states in one.pt named.pt named.pt:hidden more.pt:a.0 more.pt:b.turned; do
		acts $states >found
		oracle same wanted found
	done
	fails 1 act-dump --sae dl_gated --hidden more.pt
	[[ $line == *"several arrays: say which, as more.pt:KEY; there are a.0, a.1, b.turned" ]]
	fails 1 act-dump --sae dl_gated --hidden more.pt:c
	[[ $line == *"no array c" ]]
	fails 1 act-dump --sae dl_gated --hidden named.pt:layer
	[[ $line == *"hidden states are a matrix (tokens, d), not of 0 dimensions" ]]
}

@test "act-dump and decoder take a file that was cut or changed, or refuse it with one line" {
	oracle dialects dl_topk pt_prisma >read
	oracle mutate pt_prisma/n_images_13.pt act-dump --quiet --sae {} \
		--hidden dl_topk/states.npy --threads 1
	oracle pt one x.pt
	oracle mutate x.pt act-dump --quiet --sae dl_topk --hidden {}:state_dict.W --threads 1
}
