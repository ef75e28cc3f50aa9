"""A made model of many layers: layers.py LAYERS FEATURES [TOKENS] makes states/L%.npy and saes/L%/params.npz, for % from 1 on.

Every layer has the same features, each with a direction that turns a little from layer to layer."""
import os
import sys

import numpy as np

layers, features, tokens = map(int, (sys.argv[1:] + ["1024"])[:3])
d = 32
rng = np.random.default_rng(0)
code = rng.exponential(size=(tokens, features)) * (rng.random((tokens, features)) < 6 / features)
to = rng.normal(size=(features, d))
os.makedirs("states")
for layer in range(1, layers + 1):
    to += .2 * rng.normal(size=to.shape)
    to /= np.linalg.norm(to, axis=1, keepdims=True)
    states = code @ to + .05 * rng.normal(size=(tokens, d))
    np.save(f"states/L{layer}.npy", states.astype("f2"))
    os.makedirs(f"saes/L{layer}")
    np.savez(f"saes/L{layer}/params.npz", W_enc=to.T.astype("f4"), W_dec=to.astype("f4"), b_enc=np.zeros(features, "f4"),
             b_dec=np.zeros(d, "f4"), threshold=np.full(features, .9, "f4"))
