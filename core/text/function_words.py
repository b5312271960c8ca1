"""Which words of a language carry grammar rather than content?

Three uses: they tell languages apart, they stay out of the index, and a question is not judged by whether a passage
repeats its "who" and "does".
"""

from __future__ import annotations

_GRAMMAR = {
    "en": "a an and are as at be but by for if in into is it no not of on or such that the their then there these "
    "they this to was will with",
    "de": "der die das den dem des ein eine einer eines einem einen und oder ist sind war wird werden mit von zu zum "
    "zur im in am an auf für bei nach aus als auch es sie er wir ihr ich nicht dass sich",
    "fr": "le la les l un une des du de d et ou est sont dans par pour sur avec que qu qui ce cette ces il elle au aux "
    "en n s",
    "es": "el la los las un una unos unas de del y o es son en por para con que se su al lo como",
    "it": "il lo la i gli le l un una di del della dell d e o è sono in per con che si da al nel",
    "pt": "o a os as um uma de do da dos das e ou é são em por para com que se no na",
    "nl": "de het een en of is zijn in op voor met van dat die te aan bij er",
    "sv": "och en ett den det de är var i på av för med som till att inte om",
    "da": "og en et den det de er var i på af for med som til at ikke om",
    "no": "og en et den det de er var i på av for med som til å ikke om",
    "ru": "и в во не на с со что по к из у за от о для это",
}

_ASKING = {
    "en": "what which who whom whose when where why how many much long often old far do does did can could should "
    "would may might must shall has have had were been being am i we you he she my our your his her its me us them any "
    "some please tell explain describe list name give show about from than so also only per each there's current "
    "currently exactly according",
    "de": "was wer wen wem wessen wie wo wann warum wieso weshalb woher wohin welche welcher welches welchen welchem "
    "viel viele lange oft hoch groß alt kann können darf dürfen muss müssen soll sollen hat haben hatte wurde wurden "
    "gibt man mir uns unser unsere mein meine dein bitte nenne erkläre zeige pro vom beim über wenn nur noch denn sein "
    "seine ihre ihrer aktuell laut",
    "fr": "quel quelle quels quelles quoi où quand comment pourquoi combien qui est-ce a ont peut doit faut fait y nous "
    "vous notre votre mon ma mes je tu on se sa son ses leur leurs",
    "es": "qué quién quiénes cuál cuáles cuándo dónde cómo cuánto cuánta cuántos cuántas hay puede debe tiene ha han "
    "nos mi nuestro nuestra quien sobre",
    "it": "chi cosa quale quali quando dove come perché quanto quanta quanti quante ha hanno può deve c nostro nostra",
    "pt": "qual quais quem quando onde como quanto quanta quantos quantas tem há pode deve nosso nossa",
    "nl": "wat wie welke welk waar wanneer waarom hoe hoeveel kan mag moet heeft hebben wordt worden ons onze ik wij je",
    "sv": "vad vem vilken vilket vilka när var varför hur många mycket kan får ska har vi vår",
    "da": "hvad hvem hvilken hvilket hvilke hvornår hvor hvorfor hvordan mange meget kan må skal har vi vores",
    "no": "hva hvem hvilken hvilket hvilke når hvor hvorfor hvordan mange mye kan må skal har vi vår",
    "ru": "кто что какой какая какие когда где почему как сколько ли есть мы наш",
}

GRAMMAR: dict[str, frozenset[str]] = {code: frozenset(words.split()) for code, words in _GRAMMAR.items()}
"""Kept out of the index, by language; English agrees with the list that Lucene and bm25s use."""

ASKING: dict[str, frozenset[str]] = {code: GRAMMAR[code] | frozenset(words.split()) for code, words in _ASKING.items()}
"""Those and what questions are made of."""
