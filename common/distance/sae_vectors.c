#include "distance/sae_vectors.h"

#include "base/die.h"
#include "kernel/product.h"

#include <math.h>

size_t sae_vectors_d(const struct sae_vectors *p, const struct sae *s)
{
	return (p->weights != SAE_ENCODER ? s->d_out : 0) + (p->weights != SAE_DECODER ? s->d : 0)
		+ p->bias;
}

unsigned sae_vectors_parts(const struct sae_vectors *p)
{
	return (p->weights != SAE_ENCODER ? SAE_W_DEC : 0)
		| (p->weights != SAE_DECODER || p->bias ? SAE_W_ENC : 0)
		| (p->bias ? SAE_BIAS : 0);
}

/* Of a feature that stands for negative activations all weights are negative. */
static void assemble(float *y, const struct sae_vectors *p, const struct sae *s, size_t feature,
	float theta)
{
	size_t i = feature % s->features;

	if (feature >= s->features)
		theta = -theta;
	for (size_t k = 0; p->weights != SAE_ENCODER && k < s->d_out; k++)
		*y++ = theta * s->w_dec[i * s->d_out + k];		/* row i of theta W_dec */
	if (p->weights != SAE_DECODER)
		product_column(y, s->w_enc, i, s->d, s->features);
	for (size_t k = 0; p->weights != SAE_DECODER && k < s->d; k++)
		*y++ /= theta;					/* column i of W_enc / theta */
	if (p->bias)
		*y = s->b_enc[i] / theta;
}

/* To length 1, unless there is nothing to scale. */
static void normalise(float *y, size_t d)
{
	double sum = 0;

	for (size_t k = 0; k < d; k++)
		sum += (double)y[k] * (double)y[k];
	for (size_t k = 0; sum > 0 && k < d; k++)
		y[k] = (float)((double)y[k] / sqrt(sum));
}

void sae_vectors_take(float *y, const struct sae_vectors *p, const struct sae *s, const char *path,
	const uint32_t *feature, size_t n)
{
	size_t d = sae_vectors_d(p, s), unfoldable = 0;

	if (p->folded && !s->threshold)
		die("%s: no threshold: only a JumpReLU SAE can be folded", path);
	for (size_t i = 0; i < n; i++, y += d) {
		float theta = 1;
		if (feature[i] >= sae_stream_features(s))
			die("%s: feature %u of %zu", path, feature[i], sae_stream_features(s));
		if (p->folded && !((theta = s->threshold[feature[i] % s->features]) >= 1e-6f)) {
			theta = 1e-6f;
			unfoldable++;
		}
		assemble(y, p, s, feature[i], theta);
		for (size_t k = 0; k < d; k++)
			if (!(fabsf(y[k]) <= 1e15f))	/* so that squares stay floats */
				die("%s: feature %u: a weight beyond 1e15", path, feature[i]);
		if (p->unit)
			normalise(y, d);
	}
	if (unfoldable > 0)
		note("%s: %zu features have no positive threshold: folded with 1e-6", path,
			unfoldable);
}
