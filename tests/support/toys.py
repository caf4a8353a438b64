"""Small annotated projects in scripts that the other test models cannot read, and an untrained GLiNER that can.

Each toy has sentences of a few frames, people and places. The model's vocabulary is the characters of its toy.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from service.model.gliner import GLiNER, GLiNERConfig
from service.model.spans import Span
from training.dataset import Document

LABELS = ("person", "place")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


class Toy(NamedTuple):
    """What the sentences of a toy are made of; `P` and `L` in a frame stand for a person and a place."""

    frames: tuple[str, ...]
    people: tuple[str, ...]
    places: tuple[str, ...]


TOYS = {
    "Chinese": Toy(
        ("P在L创立了公司。", "昨天P去了L。", "L的P很高兴。", "P和朋友在L工作。", "我在L看见了P，他很忙。"),
        ("马云", "王小明", "李娜", "张伟", "刘洋", "陈静", "赵敏", "黄磊"),
        ("杭州", "北京", "上海", "广州", "成都", "西安", "南京", "武汉"),
    ),
    "Thai": Toy(
        ("ฉันพบPที่L", "PทำงานในLมานาน", "เมื่อวานPไปL", "คนจากLรู้จักP", "Pกับเพื่อนอยู่Lแล้ว"),
        ("สมศรี", "สมชาย", "มานี", "ปิติ", "วีระ", "ชูใจ", "สุดา", "กานต์"),
        ("เชียงราย", "กรุงเทพ", "ภูเก็ต", "ลำปาง", "อยุธยา", "ขอนแก่น", "ตรัง", "น่าน"),
    ),
    "decomposed Vietnamese": Toy(
        ("P sống ở L.", "Hôm qua P đã đến L.", "Tôi gặp P tại L.", "Người L biết P.", "P làm việc ở L nhiều năm."),
        ("Nguyễn Ánh", "Trần Dũng", "Lê Hồng", "Phạm Tuấn", "Hoàng Yến", "Vũ Thảo", "Đặng Hà", "Bùi Kiên"),
        ("Hà Nội", "Đà Nẵng", "Huế", "Cần Thơ", "Hải Phòng", "Đà Lạt", "Vũng Tàu", "Hội An"),
    ),
}


def documents(toy: Toy, count: int, seed: int = 0) -> list[Document]:
    """Annotated sentences, in decomposed characters (NFD)."""
    rng = random.Random(seed)
    return [_document(rng.choice(toy.frames), rng.choice(toy.people), rng.choice(toy.places), n) for n in range(count)]


def _document(frame: str, person: str, place: str, number: int) -> Document:
    text, spans = "", []
    for part in frame:
        filled = unicodedata.normalize("NFD", {"P": person, "L": place}.get(part, part))
        if part in "PL":
            spans.append(Span(len(text), len(text) + len(filled), LABELS["PL".index(part)], 1.0))
        text += filled
    return Document(text, LABELS, tuple(spans), project=1, task=number)


def build(folder: Path, toys: Iterable[Toy]) -> Any:
    """An untrained GLiNER whose tokenizer knows each character of the toys; its encoder's files go into `folder`."""
    torch.manual_seed(5)
    tokenizer = _tokenizer("".join(part for toy in toys for parts in toy for part in parts))
    tokenizer.save_pretrained(folder)
    sizes: dict[str, Any] = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    BertModel(
        BertConfig(vocab_size=len(tokenizer), intermediate_size=96, max_position_embeddings=512, **sizes)
    ).save_pretrained(folder)
    return GLiNER.from_config(
        GLiNERConfig(
            model_name=str(folder),
            hidden_size=48,
            max_width=12,
            max_len=384,
            max_types=25,
            dropout=0.1,
            span_mode="markerV0",
            ent_token="<<ENT>>",
            sep_token="<<SEP>>",
            subtoken_pooling="first",
            embed_ent_token=False,
        )
    )


def _tokenizer(text: str) -> PreTrainedTokenizerFast:
    characters = sorted({*unicodedata.normalize("NFC", text), *"abcdefghijklmnopqrstuvwxyz"} - {" "})
    pieces = [*SPECIAL, *characters, *(f"##{character}" for character in characters)]
    tokenizer = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        mask_token="[MASK]",
        model_max_length=512,
    )
