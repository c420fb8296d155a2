"""How the formulas of its sheet are written in LaTeX, by how they stand in texts."""

FORMULAS = {
    "(x, y_i, r_i)": r"(x, y_i, r_i)",
    "y_i = r_i W*x + (1 − r_i) W_ε x": r"y_i = r_i W^* x \allowbreak + (1 - r_i) W_\varepsilon x",
    "U(0, 1)": r"U(0, 1)",
    "y_i": r"y_i",
    "r_i": r"r_i",
    "n = 2 … 19": r"n = 2, \dots, 19",
    "exp(score)": r"\exp(\mathrm{score})",
    "1 − cos(prediction, W*x)": r"1 - \cos(\mathrm{prediction}, W^* x)",
    "W*x": r"W^* x",
    "−‖f − y‖²": r"-\lVert f - y \rVert^2",
    "Σ w_i ‖f − y_i‖²": r"\sum w_i \lVert f - y_i \rVert^2",
    "p ≤ .05": r"p \le .05",
    "‖f‖": r"\lVert f \rVert",
}
