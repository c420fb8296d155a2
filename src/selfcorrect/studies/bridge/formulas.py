"""How the formulas of its sheet are written in LaTeX, by how they stand in texts."""

FORMULAS = {
    "p_t = (1 − ε_t) p₊ + ε_t p₋": (
        r"p_t = (1 - \varepsilon_t)\, p_+ \allowbreak + \varepsilon_t\, p_-"
    ),
    "ε/(1 − ε)": r"\varepsilon / (1 - \varepsilon)",
    "1 − error / error of persistence": (r"1 - \text{error} / \text{error of persistence}"),
    "Σ p log p̂": r"\sum p \log \hat p",
    "log(ρ₃/ρ₂)": r"\log (\rho_3 / \rho_2)",
    "ε_t": r"\varepsilon_t",
    "p₊": r"p_+",
    "p₋": r"p_-",
    "ε": r"\varepsilon",
    "ρ": r"\rho",
}
