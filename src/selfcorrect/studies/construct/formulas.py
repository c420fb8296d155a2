"""How the formulas of its sheet are written in LaTeX, by how they stand in texts."""

FORMULAS = {
    "y₁ … y_N": r"y_1, \dots, y_N",
    "f = Wx": r"f = W x",
    "−‖Wx − y‖²": r"-\lVert W x - y \rVert^2",
    "exp(score)": r"\exp(\mathrm{score})",
    "2η‖x‖² Σ_{i<N} (y_i − Σ_{j≥i} b_ij y_j)": (
        r"2 \eta \lVert x \rVert^2 \sum_{i<N} \Big( y_i \allowbreak"
        r" - \sum_{j \ge i} b_{ij}\, y_j \Big)"
    ),
    "b_i": r"b_i",
    "−‖f − y_j‖²": r"-\lVert f - y_j \rVert^2",
    "j ≥ i": r"j \ge i",
    "−‖f − y‖²": r"-\lVert f - y \rVert^2",
    "2⟨f, y⟩ − ‖y‖²": r"2 \langle f, y \rangle - \lVert y \rVert^2",
    "N − 1": r"N - 1",
    "Λ(r − M₁·done)": r"\Lambda (r - M_1 \cdot \mathrm{done})",
    "Λr": r"\Lambda r",
    "‖y‖²": r"\lVert y \rVert^2",
    "‖x‖²y": r"\lVert x \rVert^2 y",
    "‖x‖²": r"\lVert x \rVert^2",
    "Λ = (45 + ln(N−1)) / gap": (r"\Lambda = (45 + \ln (N-1)) / \mathrm{gap}"),
    "M = R + 45 + ln(N−1)": r"M = R + 45 \allowbreak + \ln (N-1)",
    "e⁻⁴⁵": r"e^{-45}",
    "2 / max ‖x‖²(N−1)D²": r"2 / \max \lVert x \rVert^2 (N-1) D^2",
    "σ(−λΔr)": r"\sigma(-\lambda \Delta r)",
    "2η‖x‖²‖y_w − y_l‖ σ(−λΔr)": (
        r"2 \eta \lVert x \rVert^2 \lVert y_w - y_l \rVert \allowbreak \sigma(-\lambda \Delta r)"
    ),
    "2η‖x‖²‖y_w − y_l‖": r"2 \eta \lVert x \rVert^2 \lVert y_w - y_l \rVert",
    "M = R + k": r"M = R + k",
    "e^−k": r"e^{-k}",
    "[−B, B]": r"[-B, B]",
    "u²": r"u^2",
    "(B/K)²": r"(B/K)^2",
    "λ": r"\lambda",
    "η": r"\eta",
    "Λ": r"\Lambda",
}
