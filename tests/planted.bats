# Certified pairs are right: features whose partners are known go through all the programs
# (bench/planted.py: 4,096 of them).
load helper

@test "while pairs are certified they are the planted ones, and the more noise the fewer are" {
	for seed in 1 2 3; do
		oracle planted make . --noise 0 --noise .4 --noise 1.6 --seed $seed
		act-dump --no-point --hidden a.npy --sae a.npz --layer a | featdist --quiet |
			refproj --lift a.npy --whiten >a.dist
		for noise in 0.0 0.4 1.6; do
			act-dump --hidden b$noise.npy --sae b$noise.npz --layer b |
				featdist --quiet | refproj --fit b$noise.npy a.npy --whiten >b.dist
			centroid --top 4 --error 8 a.dist b.dist >distances
			hungarian --quiet distances >assigned$noise
			nearest distances >nearest$noise
		done
		oracle planted check . assigned* nearest* >found
		cat found
		grep -q '^assigned0.0: 1.000 recovered' found
		grep ^nearest found | cut -d ' ' -f 4 >shares
		sort -nr shares | uniq | cmp shares -
	done
}

@test "which features have a partner, where all have one, and where a third has none" {
	for alone in 0 .2 .33; do
		oracle planted make . --noise 0 --noise .2 --alone $alone --seed 4
		act-dump --no-point --hidden a.npy --sae a.npz --layer a | featdist --quiet |
			refproj --lift a.npy --whiten >a.dist
		for noise in 0.0 0.2; do
			act-dump --hidden b$noise.npy --sae b$noise.npz --layer b |
				featdist --quiet | refproj --fit b$noise.npy a.npy --whiten |
				centroid a.dist - | hungarian --quiet >$alone.$noise
			oracle planted partners . $alone.$noise .2
		done
	done
}
