"""The table of figures; the expected lines are written by hand."""

from au_jax.benchmarking import table


def test_figures_are_aligned_and_have_units() -> None:
    figures = {
        "machine": {"device": "cpu", "devices": 1},
        "train": {
            "compile_seconds": 18.58,
            "seconds": {"median": 0.1473, "fastest": 0.0004},
            "operations": 3051214720,
            "operations_by_xla": None,
            "operations_per_second": 20.7e12,
            "memory_bytes": 68878416,
            "images_per_second": 12345.6,
            "fraction_of_matrix_product_rate": 0.116,
        },
        "profile": {"batch_size": 4, "convolution": 0.0147},
    }
    assert table.format_figures(figures).splitlines() == [
        "machine",
        "  device   cpu",
        "  devices  1",
        "",
        "train",
        "  compile seconds                  18.6 s",
        "  seconds                          median 147 ms, fastest 0.4 ms",
        "  operations                       3.05 GFLOP",
        "  operations by xla                unknown",
        "  operations per second            20,700 GFLOP/s",
        "  memory bytes                     68.9 MB",
        "  images per second                12,346",
        "  fraction of matrix product rate  0.116",
        "fraction of matrix-product rate: 0.12",
        "",
        "profile",
        "  batch size   4",
        "  convolution  14.7 ms",
    ]
