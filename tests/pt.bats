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
