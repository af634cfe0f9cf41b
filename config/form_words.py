"""What a form says when a field is not right: short, and what to do. Django's own Chinese (这个字段是必填项；确保该变量…)
says neither. Spoken before any form is made: a field takes its words when its form's module is imported.
"""

from django import forms
from django.core import validators

MESSAGES = {
    forms.Field: {"required": "请填写。"},
    forms.ChoiceField: {"required": "请选择。", "invalid_choice": "没有“%(value)s”这个选项，请重新选择。"},
    forms.ModelChoiceField: {"required": "请选择。", "invalid_choice": "这个选项已经没有了，请重新选择。"},
    forms.DateField: {
        "required": "请填写日期。",
        "invalid": "不是日期，请写成 2026-03-02 的样子。",
    },
    forms.IntegerField: {"invalid": "不是整数，请只写数字。"},
    forms.FileField: {
        "required": "请选择文件。",
        "missing": "请选择文件。",
        "empty": "文件是空的，请重新选择。",
    },
}
LIMITS = {
    validators.MaxLengthValidator: "最多 %(limit_value)d 个字，现在有 %(show_value)d 个，请缩短。",
    validators.MaxValueValidator: "不能大于 %(limit_value)s。",
    validators.MinValueValidator: "不能小于 %(limit_value)s。",
}


def speak() -> None:
    for field, words in MESSAGES.items():
        field.default_error_messages = field.default_error_messages | words
    for validator, words in LIMITS.items():
        validator.message = words
