"""The stages of training. Each is a module with the same functions:

- `domains(config)`: the domains of its training batches, in order;
- `init(config, key)`: fresh parameters and running statistics;
- `make_train_step(config, optimizers, au_weight)`: `(state, batch) -> (state, terms)`;
- `make_predict(config)`: `(params, batch_stats, image) -> Prediction`.
"""

from au_jax.stages import joint, landmarks, supervised

# Stage 3 is stage 2 again, from its best checkpoint and at another learning rate.
STAGES = {
    "landmarks": landmarks,
    "joint": joint,
    "finetune": joint,
    "supervised": supervised,
}
