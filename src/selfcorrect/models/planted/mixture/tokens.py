"""The tokenizer and the chat template of ``planted:mixture``: one token a word."""

from __future__ import annotations

from typing import Any

from selfcorrect.models.planted.mixture.language import (
    ASSISTANT,
    BEGIN,
    END,
    SPECIAL,
    UNKNOWN,
    USER,
    VOCABULARY,
)

#: Two roles; a system message is given to the user by the engine, as with any such template.
TEMPLATE = (
    f"{BEGIN}{{% for m in messages %}}"
    "{% if m.role not in ['user', 'assistant'] %}"
    "{{ raise_exception('roles are user and assistant') }}{% endif %}"
    f"{{{{ '{USER}' if m.role == 'user' else '{ASSISTANT}' }}}}{{{{ m.content }}}}{END}"
    f"{{% endfor %}}{{% if add_generation_prompt %}}{ASSISTANT}{{% endif %}}"
)


def tokenizer() -> Any:
    """A fast tokenizer of transformers: words and brackets, white space between them ignored."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    ids = {word: n for n, word in enumerate(VOCABULARY)}
    made = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    made.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(r"[()]"), behavior="isolated"),
        ]
    )
    # Words with a space between, none within brackets: "I choose (a)".
    made.decoder = decoders.Sequence(
        [
            decoders.WordPiece(prefix="##", cleanup=False),
            decoders.Fuse(),
            decoders.Replace("( ", "("),
            decoders.Replace(" )", ")"),
        ]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token=UNKNOWN,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=END,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = TEMPLATE
    return fast
