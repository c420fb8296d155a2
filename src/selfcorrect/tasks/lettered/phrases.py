"""The words with which a reply says which option it takes, which not, and that it keeps its answer.

English, and of a dozen other languages the most usual ones. All are patterns for a text as
:func:`selfcorrect.tasks.lettered.canonical.canonical` gives it.
"""

from __future__ import annotations

import re

#: How an answer is called, and what may stand before that without making it another one's.
_NOUN = r"(?:answer|choice|option|response|solution|selection|pick|guess|conclusion|verdict)"
KIND = (
    r"(?:(?:very |single |overall )?(?:final|correct|right|best|proper|appropriate|accurate|true"
    r"|revised|updated|corrected|new|current|only|suitable|ultimate|likeliest|chosen|selected|better"
    r"|most (?:likely|appropriate|suitable|accurate|plausible|reasonable|fitting|logical|probable))"
    r"(?: and |/|, | ))"
)
_SURELY = (
    r"(?:therefore|thus|hence|then|clearly|still|now|definitely|simply|again|indeed|also|so|just"
    r"|obviously|actually|most likely|probably)"
)
_IS = (
    rf"(?:is|'s|would be|should be|should have been|must be|has to be|will be|remains|becomes"
    rf"|ought to be)"
    rf"(?:,? {_SURELY},?)?"
)
_OF = (
    r"(?: (?:choice|option|letter|here|now|again|in this case|(?:to|for) (?:the|this|your|that)"
    r" question|i (?:would )?(?:choose|pick|select|give|propose)|above|given the context))?"
)
#: "the answer that best fits the description is"
_BEST = (
    r"(?: (?:that|which) (?:best |most )?(?:matches|fits|describes|answers|completes|reflects"
    r"|explains|represents|satisfies)(?: [\w'-]+){0,6})"
)
_EQUALS = r"[\"']? ?(?:[:=→⇒]|[-=]>|[-–—](?= )) ?"

_KEEPS = (
    r"(?:keep(?:ing)?|maintain(?:ing)?|retain(?:ing)?|stick(?:ing)? (?:with|to)|stand(?:ing)? by"
    r"|stay(?:ing)? with|reaffirm|confirm)"
)
_WHICH = "first|original|initial|previous|earlier|prior|last|current|existing|given"

#: Words that lead in to an answer in other languages, each with what may stand before its noun.
_ELSEWHERE = (
    # German
    r"(?:(?:die|meine|unsere|eine) )?(?:(?:richtige|korrekte|beste|endgültige|finale|zutreffende"
    r"|wahrscheinlichste|neue) )*(?:antwort|lösung|wahl)(?:(?: (?:ist|lautet|bleibt|wäre))"
    r"(?: (?:daher|also|somit|deshalb|demnach|weiterhin))?:? |" + _EQUALS + ")",
    r"ich (?:wähle|nehme|entscheide mich für|bleibe bei|tippe auf):? ",
    # French
    r"(?:(?:la|ma) )?(?:(?:bonne|meilleure) )?(?:réponse|solution)(?: (?:correcte|finale|exacte"
    r"|juste|la plus probable))?(?:(?: (?:est|reste|serait))(?: (?:donc|toujours))?(?: :|:)? "
    r"(?:la )?| ?" + _EQUALS + ")",
    r"je (?:choisis|garde|prends|opte pour|retiens|maintiens)(?: la)?(?: :|:)? ",
    # Spanish
    r"(?:(?:la|mi) )?(?:mejor )?(?:respuesta|solución|opción)(?: (?:correcta|final|definitiva"
    r"|adecuada|más probable))?(?:(?: (?:es|sería|sigue siendo))(?: (?:entonces|por tanto))?:? "
    r"(?:la )?|" + _EQUALS + ")",
    r"(?:elijo|escojo|selecciono|me quedo con|opto por|mantengo)(?: la)?:? ",
    # German: "das ist antwort b"
    r"(?:das|dies|es) (?:ist|wäre) (?:die )?(?:antwort|option|möglichkeit|lösung) ",
    # Portuguese and Italian
    r"(?:(?:a|la) )?(?:(?:minha|mia) )?(?:resposta|risposta)(?: (?:correta|certa|final|corretta"
    r"|giusta|finale|esatta))?(?: (?:é|seria|è|sarebbe|rimane)"
    r"(?: (?:portanto|então|quindi|dunque))?:? (?:a |la )?|" + _EQUALS + ")",
    r"(?:escolho|scelgo)(?: a| la)?:? ",
    # Dutch
    r"(?:het |mijn )?(?:juiste |goede |correcte |beste )?antwoord(?: (?:is|blijft)(?: dus)?:? |"
    + _EQUALS
    + ")",
    # Polish, Turkish and Russian
    r"(?:poprawna |prawidłowa |moja )?odpowiedź(?: (?:to|brzmi):? |" + _EQUALS + ")",
    r"(?:doğru |nihai )?(?:cevap|yanıt)" + _EQUALS,
    r"(?:правильный |верный |мой |окончательный )?ответ" + _EQUALS,
)
#: The same in languages that put no blanks between words.
_UNSPACED = (
    r"(?:正确|最终|最佳|我的)?(?:的)?(?:答案|选项)(?:就)?(?:应该|应)?(?:是|为|选|:)(?:选项)? ?:? ?",
    r"(?:所以|因此|故|应|应该|我)(?:选择|选) ?:? ?(?:选项)? ?",
    r"(?:正解|答え|回答|最終的な答え)(?:は|:) ?",
    r"(?:정답|답)(?:은|:) ?",
)
#: A letter or an option's text may follow this.
LEAD = re.compile(
    rf"(?:(?:{'|'.join(_UNSPACED)})|(?<![\w'])(?:"
    rf"(?P<noun>{KIND}{{0,4}}{_NOUN})(?:{_OF}{_BEST}? ?{_IS} ?:? ?"
    rf"|{_OF}(?: \([^()\n]{{0,30}}\))?{_EQUALS})"
    r"|(?:i|we)(?: (?:would|will|shall|must|should|now|still|therefore|thus|also|definitely|finally"
    r"|then|ultimately|again)|'d|'ll){0,2} (?:choose|pick|select|go with|go for|opt for"
    r"|stick with|stick to|stay with|stand by|settle on|settle for|answer|say"
    r"|vote for|keep|maintain|prefer"
    r"|(?:change|switch|revise|correct|update)(?: (?:my|the|this) (?:answer|choice|response"
    r"|selection))? (?:from [(\[]?[a-z][)\]]? )?to):? "
    rf"|(?:i(?:'m| am) )?(?:going with|choosing|sticking with|switching to) "
    r"|let'?s (?:go with|choose|pick) "
    rf"|(?:i (?:think|believe|guess) )?(?:it|that|this)(?:'s| is| must be| has to be| should be)"
    rf"(?: {_SURELY})? "
    rf"|(?:(?<=\n)|(?<=[.;:] )|\A)(?:so|therefore|thus|hence|finally|in conclusion)[,:]? "
    rf"(?!(?:the |my )?{KIND}{{0,4}}{_NOUN} (?!is))"
    r"|(?:that|this|which) leaves(?: us with| me with| only)? "
    r"|(?:which|this|that|it) (?:corresponds to|matches|points to|leads to|aligns with) "
    r"(?=(?:the )?(?:option|choice|answer|letter)(?!\w))"
    r"|the (?:statement|claim|assertion|proposition) is (?:therefore |thus )?"
    rf"|{'|'.join(_ELSEWHERE)}"
    rf"))(?P<of>(?:(?:the|my) )?(?:(?:correct|best|right|{_WHICH}) )?(?:option|choice|letter|answer"
    r"|opción|letra|lettre|réponse|respuesta|antwort|buchstabe)(?: is| of| as)?[:,]? )?"
)
#: What leads in weakly, so that no option's text counts after it.
WEAK = re.compile(
    r"it|that|this|so|therefore|thus|hence|finally|in conclusion|i (?:think|believe|guess) "
)

#: What makes a letter, or an option's text, the answer where it stands after it.
RIGHT = re.compile(
    r"(?: |,)? ?(?:is|seems|must be|would be|remains|appears to be|looks|fits)"
    rf"(?: {_SURELY})? (?:the |my |our )?(?:only )?{KIND}{{0,4}}"
    rf"(?:{_NOUN}|(?:right|correct|best) one|correct|right|true|best"
    rf"|most (?:likely|appropriate|accurate|plausible))(?!\w)"
)
#: What rules one out, after it and before it.
WRONG = re.compile(
    r",? ?(?:is(?: not|n't)|was(?: not|n't)|cannot|can't|can not|seems not|(?:is|was|seems|looks)"
    r" (?:clearly |definitely |simply )?(?:wrong|incorrect|false|out|unlikely|impossible"
    r"|ruled out|eliminated|excluded))(?!\w)"
)
NOT = re.compile(
    r"(?<!\w)(?:not|isn't|wasn't|n't be|never|neither|nor|rather than|instead of|rule out"
    r"|ruled out|ruling out|eliminate|eliminates|eliminated|exclude|reject|against|nicht|pas)"
    r" (?:the )?(?:option |choice |answer |letter |in )?(?=[(\[\"']?[a-z](?!\w))"
)

_MINE = r"(?:(?P<which>first|original|initial)|previous|earlier|prior|last|current|existing|given)"
#: That the earlier answer stays. ``which``: it is that of the first round.
KEEP = re.compile(
    r"(?<!\w)(?:"
    rf"(?:i|we)(?: (?:will|would|shall|am|should|choose to|decide to|have decided to|want to"
    rf"|'ll|'d|still|therefore|hereby)|'ll|'d|'m){{0,3}} {_KEEPS}(?: to| with)? (?:my|the|this"
    rf"|that) (?:{_MINE} )?(?:answer|choice|response|selection)"
    rf"|my (?:{_MINE.replace('which', 'which2')} )?(?:answer|choice|response)(?: still)?"
    r" (?:stands|remains|stays|is(?: still)? (?:unchanged|the same|correct|right))"
    r"|(?:the )?answer (?:remains|stays|is) (?:the same|unchanged|as before)"
    r"|no changes? (?:is |are )?(?:needed|necessary|required|to my answer)"
    r"|(?:i|we) (?:do not|don't|will not|won't|would not|wouldn't|see no reason to|have no reason"
    r" to|need not) (?:need to |want to |have to )?change (?:my|the) (?:answer|choice|response)"
    r"|ich (?:bleibe bei|behalte) meine[r]? antwort|je (?:maintiens|garde) ma réponse"
    r"|mantengo mi respuesta"
    r")(?!\w)"
)

#: In the part of a sentence before a statement these make it none.
BEFORE = re.compile(
    r"(?<!\w)(?:not|\w+n't|cannot|cant|dont|never|no|neither|nor|nobody|none|hardly|doubt|deny"
    r"|wrong(?:ly)?|incorrect(?:ly)?|mistaken(?:ly)?|maybe|perhaps|possibly|previous(?:ly)?"
    r"|earlier|initial(?:ly)?|original(?:ly)?|at first|thought|said|wrote|stated|claimed|answered"
    r"|chose|picked|assumed|used to|tempt\w*|whether|why|how|unless|if|suppose|supposing|assuming"
    r"|imagine|instead of|rather than|either|nicht|kein|keine|ob|wenn|falls|weder|früher"
    r"|ne|n'|pas|ni|aucune?|si|non|nunca|tampoco|either|even|não|niet|nie|не|если|se)(?!\w)"
    r"|如果|假如|是否|并非|もし|かどうか|만약"
)
#: Who else may have said it, in the whole sentence before it.
OTHERS = re.compile(
    r"(?<!\w)(?:(?:some|someone|somebody|others|people|many|most|they|you|he|she|critics?"
    r"|reviewers?|feedback|users?|teachers?|students?|authors?|friends?|assistants?|models?|bots?"
    r"|readers?|i (?:had|have)|alguien|jemand|manche|quelqu'un)(?: \w+){0,3} (?:say|says|said"
    r"|think|thinks|thought|argue|argues|argued|claim|claims|claimed|believe|believes|believed|suggest|suggests"
    r"|suggested|told|tells|insist|insists|insisted|assume|assumes|assumed|pick|picks|picked|chose"
    r"|choose|answer|answers|answered|conclude|concluded|wrote|writes|proposed|proposes|guess"
    r"|guessed|decided|sagt|sagen|dit|dice)|according to)(?!\w)"
)
#: What may stand right before the noun of a lead.
DETERMINERS = frozenset(
    ("the", "my", "our", "this", "that", "so", "then", "thus", "hence", "therefore", "and", "but",
     "now", "here", "ok", "okay", "well", "yes", "finally", "hmm", "final", "still", "sorry",
     "apologies", "conclusion", "overall")
)  # fmt: skip
#: A sentence with this at its beginning says what would be, not what is.
CONDITION = re.compile(
    r"(?:\A\W*|[:,(–—-] ?|(?<!\w)(?:that|but|and|however|also|only|even|note) )"
    r"(?:if|unless|suppose|supposing|assuming|imagine|had|were|wenn|falls|si)(?!\w)"
    r"(?!.*(?<!\w)(?:but|so|therefore|thus|hence)(?!\w))"
)
#: In the part of a sentence after a statement these undo it.
AFTER = re.compile(
    r"(?:\W*(?:is|was|would be|seems|isn't|wasn't) (?:not|wrong|incorrect|false|a mistake|a trap"
    r"|tempting|an error|what)|.{0,80}?(?<!\w)(?:if|unless|wenn|falls)(?!\w)"
    r"|.{0,40}?(?:,|which|but|and) ?(?:(?:that|this|it|which)(?:'s| is| was| would be))"
    r" (?:not (?:right|correct|true|so|the)|wrong|incorrect|false|a mistake|an error)"
    r"|,? (?:or not|right)\?|,? (?:was|were|had been) "
    r"|\W*or (?:it (?:is|could|may|might)|maybe|perhaps|possibly|else|even)(?!\w)"
    r"|ではな|じゃな|不对|不正确|(?:이|가) 아)"
)
#: After a statement, at the beginning of a sentence: it is taken back.
BACK = re.compile(
    r"(?:\A|[.!?\n—…] ?|, )\W{0,3}(?:(?:but |oh |oops,? |no,? )?wait(?!\w)|hold on|hang on"
    r"|no[,.!]|nope|scratch that|on second thoughts?|actually|correction(?!\w)|i was wrong"
    r"|i (?:have )?made a mistake|i take (?:that|it) back|oops|or is it"
    r"|(?:but )?let me (?:reconsider|rethink|think again)"
    r"|(?:that|this|it)(?:'s| is| was) (?:wrong|incorrect|not (?:right|correct))"
    r"|strike that|nein|non,|falsch|or (?:maybe |perhaps |possibly )?[(\[]?[a-z][)\]]?(?!\w))"
)
#: Between two statements: the second replaces the first.
INSTEAD = re.compile(
    r"(?<!\w)(?:wait|actually|no|instead|however|but|correction|change|changing|revise|revised"
    r"|reconsider\w*|reflection|second thoughts?|now|new|final(?:ly)?|corrected|updated|mistake"
    r"|wrong|sorry|rather|therefore|so|hence|thus|hmm|switch)(?!\w)"
)
