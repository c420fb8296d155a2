"""How the formulas of its sheet are written in LaTeX, by how they stand in texts."""

_E, _T, _PLUS = r"\varepsilon", r"\varepsilon_t", r"\mathbb{E}[p(C_+)]"
_KL = r"D(+\Vert -)"
_APART = r"H(p_t) - H(p_+)"

FORMULAS = {
    "p(y | h) = Σ_C p(C | h) p(y | C)": (
        r"p(y \mid h) \allowbreak = \sum_C p(C \mid h)\, p(y \mid C)"
    ),
    "p(y | C)": r"p(y \mid C)",
    "p(C | h)": r"p(C \mid h)",
    "ε_t = 1 − p(C+ | h_t)": rf"{_T} = 1 - p(C_+ \mid h_t)",
    "KL(p‖q) = Σ p log(p/q)": r"\mathrm{KL}(p \Vert q) \allowbreak = \sum p \log (p/q)",
    "D(+‖−) = KL(p₊‖p₋)": rf"{_KL} \allowbreak = \mathrm{{KL}}(p_+ \Vert p_-)",
    "max_s −log Σ p^(1−s) q^s": r"\max_s -\log \sum p^{1-s} q^s",
    "−(1/t) log ε_t → m · min_C KL(C+‖C)": (
        rf"-(1/t) \log {_T} \allowbreak \to m \cdot \min_C \mathrm{{KL}}(C_+ \Vert C)"
    ),
    "−(1/t) log ε": rf"-(1/t) \log {_E}",
    "e^(−Chernoff · t)": r"e^{-\mathrm{Chernoff} \cdot t}",
    "E[ε_t] ≈ A t^(−1/2) exp(−t · m · min_C Chernoff)": (
        rf"\mathbb{{E}}[{_T}] \approx A\, t^{{-1/2}} \allowbreak"
        r" \exp(-t \cdot m \cdot \min_C \mathrm{Chernoff})"
    ),
    "A t^(−1/2) exp(−rate · t)": r"A\, t^{-1/2} \exp(-\mathrm{rate} \cdot t)",
    "log(√t E[ε])": rf"\log (\sqrt{{t}}\, \mathbb{{E}}[{_E}])",
    "log(√t E|H(p_t) − H(p₊)|)": rf"\log (\sqrt{{t}}\, \mathbb{{E}} \lvert {_APART} \rvert)",
    "t^(−1/2)": r"t^{-1/2}",
    "1/t²": r"1/t^2",
    "E[ε]": rf"\mathbb{{E}}[{_E}]",
    "p₊^(1−s) p₋^s": r"p_+^{1-s}\, p_-^{s}",
    "p_t = (1 − ε) p₊ + ε p₋": rf"p_t = (1 - {_E})\, p_+ \allowbreak + {_E}\, p_-",
    "ε · TV(p₋, p₊)": rf"{_E} \cdot \mathrm{{TV}}(p_-, p_+)",
    "ε · (cross-entropy(p₋, p₊) − H(p₊))": (
        rf"{_E} \cdot \big( \text{{cross-entropy}}(p_-, p_+) \allowbreak - H(p_+) \big)"
    ),
    "ε log ε": rf"{_E} \log {_E}",
    "β ε log(1/ε) + k ε ≤ H(p_t) − H(p₊) ≤ β ε log(1/ε) + K ε": (
        rf"\beta {_E} \log (1/{_E}) + k {_E} \allowbreak \le {_APART} \allowbreak"
        rf" \le \beta {_E} \log (1/{_E}) + K {_E}"
    ),
    "ρ < 1": r"\rho < 1",
    "O(ρ^t)": r"O(\rho^t)",
    "O(t ρ^t)": r"O(t \rho^t)",
    "β = 0": r"\beta = 0",
    "|E M − E₊ M| ≤ ε (max M − min M)": (
        rf"\lvert \mathbb{{E}} M - \mathbb{{E}}_+ M \rvert \allowbreak"
        rf" \le {_E} (\max M - \min M)"
    ),
    "(H(p_t) − H(p₊)) / ε": rf"({_APART}) / {_E}",
    "TV(p_t, p₊) / ε": rf"\mathrm{{TV}}(p_t, p_+) / {_E}",
    "(H(p_t) − H(p₊)) ÷ ρ^t": rf"({_APART}) / \rho^t",
    "|E M − E₊ M| ÷ ε (max M − min M)": (
        rf"\lvert \mathbb{{E}} M - \mathbb{{E}}_+ M \rvert \allowbreak"
        rf" / {_E} (\max M - \min M)"
    ),
    "m[(1−q) D(+‖−) − q D(−‖+)]": (rf"m \big[ (1-q)\, {_KL} \allowbreak - q\, D(-\Vert +) \big]"),
    "q* = D(+‖−) / (D(+‖−) + D(−‖+))": rf"q^* = {_KL} / ({_KL} + D(-\Vert +))",
    "(1−q) p₊ + q p₋": r"(1-q)\, p_+ + q\, p_-",
    "q*": r"q^*",
    "E[p(C+ | h, y)] = Σ_y p(y | h) · p(C+ | h) p(y | C+) / p(y | h) = p(C+ | h)": (
        r"\mathbb{E}[p(C_+ \mid h, y)] \allowbreak"
        r" = \sum_y p(y \mid h) \cdot p(C_+ \mid h)\, p(y \mid C_+) \allowbreak / p(y \mid h)"
        r" \allowbreak = p(C_+ \mid h)"
    ),
    "g(π) = E₊[p(C+ | π, y)]": r"g(\pi) \allowbreak = \mathbb{E}_+[p(C_+ \mid \pi, y)]",
    "E[p(C+)]": _PLUS,
    "p_t": r"p_t",
    "p₊": r"p_+",
    "p₋": r"p_-",
    "C+": r"C_+",
    "C−": r"C_-",
    "ε": _E,
    "π": r"\pi",
    "β": r"\beta",
}
