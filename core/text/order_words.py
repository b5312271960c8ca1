"""Which words does somebody use, in which language, who gives orders to whoever reads a document for others?

Each concept is one expression over folded text, see ``core.text.orders``. Words of languages that write spaces begin at
the beginning of a word; endings are left open, as most of these languages inflect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BETWEEN = re.compile(r"\|(?![^(]*\))")
"""Bars between words, not those in a group."""


class Words:
    """Words for one concept; in a text of ASCII alone only those of ASCII are looked for, as that is much faster."""

    def __init__(self, spaced: str, unspaced: str = "") -> None:
        """A line for each language: words of scripts with letters, and those of scripts without spaces."""
        whole, others = _listed(spaced), _listed(unspaced)
        self._ascii = _pattern([word for word in whole if word.isascii()], [])
        self._all = _pattern(whole, others)

    def search(self, plain: str) -> re.Match[str] | None:
        """The first of them in a folded text."""
        return self._for(plain).search(plain)

    def finditer(self, plain: str) -> Iterator[re.Match[str]]:
        """All of them."""
        return self._for(plain).finditer(plain)

    def _for(self, plain: str) -> re.Pattern[str]:
        return self._ascii if plain.isascii() else self._all


def _listed(lines: str) -> list[str]:
    return [word.strip() for line in lines.splitlines() for word in _BETWEEN.split(line) if word.strip()]


def _pattern(whole: list[str], others: list[str]) -> re.Pattern[str]:
    return re.compile("|".join([rf"(?<!\w)(?:{'|'.join(whole)})", *others]))


IGNORE = Words(
    """ignor|disregard|forget|overlook|override|pay no attention|do not listen|don't listen|do not follow|don't follow
    ignorier|vergiss|vergessen sie|missacht|beachte nicht
    oubli|faites abstraction|fais abstraction|ne tenez pas compte
    olvid|haga caso omiso|haz caso omiso|no hagas caso
    dimentic|trascura|non tenere conto
    esque|desconsider
    игнорир|проигнорир|забуд|не обращай
    görmezden|yok say|unut|göz ardı|dikkate alma
    bỏ qua|quên|phớt lờ|không để ý
    abaikan|lupakan
    huwag pansinin|huwag mong pansinin|kalimutan|balewalain
    تجاهل|تغاضى|تغاض|انس|انسى
    अनदेखा|अनदेखी|भूल जा|नज़रअंदाज़|उपेक्षा|नजरअंदाज
    উপেক্ষা|ভুলে যা|অগ্রাহ্য
    무시|잊어|잊으
    αγνο|ξέχασε|ξεχάστε
    negeer|vergeet|zignoruj|zapomnij""",
    """ไม่ต้องสนใจ|อย่าสนใจ|อย่าไปสนใจ|เพิกเฉย|ละเว้น|ลืม|เมินเฉย
    無視|忘れ|忽略|无视|忘记|忽視|忘記|不要理会""",
)
"""Not to heed something."""

BEFORE = Words(
    """(?:all |any |the |your |my |these |those |of )*(?:previous|prior|above|preceding|earlier)\\b
    (?:all |any |the |your )+(?:\\w+ )?(?:instruction|rule|guideline|order|direction|prompt|programming)s?\\b
    system prompt|(?:original|initial) (?:instruction|prompt)
    vorherig|bisherig|vorig|obige|obenstehend|vorangegangen|anweisung|oben steh
    précéden|ci-dessus|instructions|consignes|ce qui précède
    anterior|previas|instrucciones|lo de arriba|lo que antecede
    precedent|istruzioni|quanto sopra|di cui sopra
    instruções|o acima|acima
    предыдущ|инструкци|указани|вышесказанн|вышеизложенн|сказанное выше|выше
    önceki|talimat|yukarıda
    hướng dẫn|chỉ dẫn|trước đó|ở trên|phía trên
    instruksi|petunjuk|sebelumnya|di atas
    naunang|nakaraang|tagubilin|mga nasa itaas|ang nasa itaas|sa itaas
    التعليمات|تعليمات|السابق|ما ورد أعلاه|أعلاه|ما سبق
    निर्देश|पिछले|पहले के|उपरोक्त|ऊपर
    নির্দেশ|পূর্ববর্তী|আগের|উপরের|উপরোক্ত
    이전|지시|위의|위에|앞의|앞선
    προηγούμεν|παραπάνω|οδηγίες
    vorige|bovenstaande|poprzedni|powyższ""",
    """คําแนะนํา|คำแนะนำ|คำสั่ง|คําสั่ง|ก่อนหน้า|ข้างบน|ข้างต้น|ด้านบน
    指示|以前の|上記|上の|前の|之前|以上|上面|上述|先前|前面|指令""",
)
"""What was said before, or the rules somebody was given."""

SECRET = Words(
    """pass ?word|pass ?phrase|passcode|secret (?:key|code|word)|access code|api key|credentials
    passwor|kennwort|geheim|zugangscode|passphrase
    mot de passe|phrase de passe|phrase secrète|code secret|clé secrète
    contraseña|frase de (?:contraseña|acceso|paso)|clave|código secreto
    parola d'ordine|passphrase|chiave segreta|codice segreto|frase segreta
    senha|chave secreta|código secreto|palavra-passe|frase secreta
    парол|секретн|кодов(?:ая|ую|ой) фраз
    şifre|parola|gizli anahtar|gizli kod
    mật khẩu|mật mã|khóa bí mật|chìa khóa bí mật|mã bí mật|cụm từ mã
    kata sandi|kunci rahasia|kode rahasia|frasa sandi|sandi
    lihim na|sikretong
    كلمة المرور|كلمات المرور|كلمة السر|رمز المرور|عبارة المرور|مفتاحك السري|المفتاح السري|الرمز السري
    पासवर्ड|पासफ़्रेज़|पासफ्रेज|गुप्त
    পাসওয়ার্ড|পাসওয়র্ড|পাসওয়র্ট|পাসফ্রেজ|গোপন
    비밀번호|암호|비밀 키|비밀 코드|패스워드
    κωδικό|συνθηματικ
    wachtwoord|hasło""",
    """รหัสผ่าน|รหัสลับ|วลีรหัส|คีย์ลับ|กุญแจลับ
    パスワード|パスフレーズ|秘密|合言葉|密码|密碼|密钥|口令|暗号|秘密钥匙""",
)
"""What is told to nobody."""

PRIVATE = Words(
    """birth ?(?:day|date|month|year)|date of birth|(?:e-?mail|home|street) address|phone number|initials|bank balance
    account balance|credit card|city of residence|(?:currently )?liv(?:e|es|ing)\\b|favou?rite colou?r|middle name
    geburt|e-mail-adresse|kontostand|initialen|wohnort|lieblingsfarbe|wohnt
    naissance|adresse e-?mail|adresse électronique|solde|initiales|ville de résidence|couleur préférée|habite
    nacimiento|cumpleaños|correo electrónico|saldo|iniciales|ciudad de residencia|color favorito|vive
    nascita|compleanno|indirizzo e-?mail|iniziali|città di residenza|colore preferito
    nascimento|aniversário|endereço de e-?mail|iniciais|cidade de residência|cor favorita|mora
    рождени|электронн|баланс|инициал|город|любимый цвет|живет|живёт
    doğum|e-posta adres|bakiye|baş harf|en sevdiği renk|yaşıyor|ikamet
    ngày sinh|tháng sinh|năm sinh|sinh nhật|địa chỉ email|số dư|chữ cái đầu|màu yêu thích|màu sắc yêu thích|đang sống
    tanggal lahir|bulan lahir|tahun lahir|ulang tahun|kelahiran|alamat email|saldo|inisial|warna favorit|tinggal
    kapanganakan|kaarawan|email address|balanse|inisyal|paboritong kulay|nakatira
    ميلاد|تاريخ الميلاد|بريد|رصيد|الأحرف الأولى|اللون المفضل|يعيش|إقامة
    जन्म|ईमेल पता|ईमेल पते|बैलेंस|आद्याक्षर|पसंदीदा रंग|रहता|रहते|निवास
    জন্ম|ইমেইল ঠিকানা|ইমেল ঠিকানা|ব্যালেন্স|আদ্যক্ষর|প্রিয় রঙ|প্রিয় রং|বাস করে|বাসস্থান
    생일|생년월일|출생|태어난|이메일 주소|잔액|잔고|이니셜|좋아하는 색|거주|살고
    γέννησης|γενέθλια|ηλεκτρονικού ταχυδρομείου""",
    """วันเกิด|เดือนเกิด|ปีเกิด|อีเมล|ยอดเงิน|ยอดคงเหลือ|ตัวย่อ|ชื่อย่อ|สีโปรด|สีที่ชอบ|อาศัยอยู่|อยู่ที่ไหน
    誕生|生年月日|生まれ|メールアドレス|残高|イニシャル|好きな色|住んで|居住|生日|出生|邮箱|邮件地址|余额|首字母|喜欢的颜色|住在""",
)
"""What belongs to one person."""

PERSON = Words(
    """the user\\b|the user's|users\\b|user's|customer's
    (?:des|der|vom|den) (?:be)?nutzer|benutzer
    utilisateur|usuario|utente|usuário|пользовател|kullanıcı|người dùng|pengguna|gumagamit|user ng
    المستخدم|उपयोगकर्ता|यूजर|यूज़र|ব্যবহারকারী|사용자|χρήστη|gebruiker|użytkownik""",
    """ผู้ใช้|ユーザー|利用者|用户|使用者""",
)
"""The one who asks, as those speak of him who build such assistants."""

TELL = Words(
    """tell me|give me|show me|share|reveal|send|provide|let me know|write|spell|print|repeat|encode|translate|say|state
    describe|what is|what's|what was|what are|what were|where|who|when
    sag|nenn|gib|geben sie|verrat|teil|schreib|druck|wiederhol|wie laut|wie hoch|was ist|wo wohn
    di(?:s|tes)-moi|donne|partag|montre|écri|révél|quel|indiquez
    dime|dame|dígame|deme|compart|muestra|escrib|revel|cuál|cual|dónde|puedes
    dimmi|dammi|condivid|mostra|scriv|rivel|qual|potresti|puoi
    diga|me dê|dê-me|compartilh|mostre|escreva|revele|pode me|você pode
    скажи|сообщи|дай|подел|покажи|напиши|какой|каков|где|можете|можешь
    söyle|ver(?:in|ir|ebilir)?\\b|paylaş|göster|yaz|nedir|nerede|misin
    cho tôi|nói|chia sẻ|viết|là gì|ở đâu|hãy
    beri|katakan|bagi|tunjukkan|tulis|apa|di mana|bisakah
    sabihin|ibigay|ibahagi|ipakita|isulat|ano|saan|maaari
    أخبر|أعطني|اعطني|شارك|مشاركة|أظهر|اكتب|ما هو|ما هي|أين|هل يمكن
    बता|दीजिए|दें|साझा|दिखा|लिख|क्या|कहाँ|कहां
    বলুন|বলতে|দিন|দাও|শেয়ার|লিখ|কি|কী|কোথায়
    알려|말해|주세요|공유|보여|쓰세요|작성|무엇|뭐|어디
    πείτε|πες|δώσ|γράψ|ποι|που""",
    """บอก|ให้|แชร์|แบ่งปัน|เขียน|คืออะไร|อะไร|ที่ไหน|ไหม
    教え|言っ|共有|見せ|書い|何です|なんです|どこ|ください|告诉|告訴|给我|給我|分享|显示|写|什么|什麼|哪里|吗|可以""",
)
"""To say or hand over, or to ask for it."""

INNOCENT = Words(
    """forgot|reset|chang|enter|confirm|choose|match|lost|incorrect|invalid|wrong|correct|new pass|old pass
    must|at least
    vergessen\\?|zurücksetz|änder|eingeb|eingegeben|bestätig|gib dein|geben sie|neues|oublié|réinitialis|chang|saisi
    entrez|confirm|olvid|restablec|cambi|introdu|ingres|dimenticat|reimpost|inseri|cambiat|esqueceu|esqueci|redefin|alter
    digite|insira|забыли|сброс|измен|введ|подтверд|unut|sıfırla|değişti|gir(?:in|iniz)|onayla|quên mật|đặt lại|thay đổi
    nhập|lupa|setel|atur ulang|ubah|masukkan|konfirmasi|نسيت|إعادة|تغيير|أدخل|إدخال|تأكيد|भूल गए|रीसेट|बदल|दर्ज|पुष्टि
    ভুলে গে|রিসেট|পরিবর্তন|লিখুন|প্রবেশ|নিশ্চিত|잊으|재설정|변경|입력|확인|ξεχάσ|επαναφ|αλλαγ|εισ
    vergeten|herstel|wijzig|voer|glöm|återställ|ändra|ange|zapomni|reset|zmie|wprowad|wpisz|подтвер|забул|змін""",
    """ลืม|รีเซ็ต|เปลี่ยน|ป้อน|กรอก|ยืนยัน|忘れ|リセット|変更|入力|確認|忘记|忘記|重置|重設|更改|修改|输入|輸入|确认|確認|设置|設定""",
)
"""What people do with passwords of their own."""

REQUEST = Words(
    """can you|could you|would you|will you
    können sie|könnten sie|kannst du|könntest du
    pouvez-vous|pourriez-vous|peux-tu|pourrais-tu|puedes|podrías|puede usted|podría|puoi|può|potresti|potrebbe
    você pode|pode me|poderia|можете ли|не могли бы|можешь|не подскажете
    misiniz|musunuz|mısınız|misin|bạn có thể|có thể cho|bisakah|bisa kah|dapatkah|maaari mo|maaari ba|pwede mo
    هل يمكنك|هل بإمكانك|هل تستطيع|क्या आप|क्या तुम|আপনি কি|তুমি কি|할 수 있|해 주실|주시겠|주실 수|μπορείτε|μπορείς""",
    """คุณช่วย|คุณสามารถ|ช่วยบอก|もらえますか|くれますか|できますか|你能|您能|能否|你可以|可以告诉""",
)
"""A plea to somebody who is spoken to."""

IMAGINE = Words(
    """imagine|let's (?:assume|pretend|say|suppose)|suppose|hypothetical|parallel universe|pretend|in a world
    stell dir vor|stellen sie sich vor|angenommen|hypothetisch|imagin|supposons|hypothétiqu|supongamos|hipot
    immagin|supponiamo|ipotetic|suponha|vamos supor|представ|предположим|гипотетич|hayal ed|varsayalım|diyelim|varsayım
    hãy tưởng tượng|tưởng tượng|giả sử|giả định|bayangkan|misalkan|anggap|hipotetis|isipin|ipagpalagay|hypothetical
    تخيل|لنفترض|افترض|افتراض|कल्पना|मान ले|मान लीजिए|काल्पनिक|কল্পনা|ধরা যাক|ধরে নি|কাল্পনিক|상상|가정|가상|φαντα|υποθέ""",
    """ลองนึก|จินตนาการ|สมมติ|สมมุติ|想像し|仮定|仮想|想象|假设|假如|设想|假定""",
)
"""To lead into a world of other rules."""

FORM = Words(
    """haiku|poem|limerick|rap song|acrostic|pig latin|leet ?speak|rot13|base64|base58|morse|caesar|cipher|in rhyme
    reverse order|backwards|dashes between|translate
    gedicht|rückwärts|umgekehrter reihenfolge|übersetz|poème|à l'envers|ordre inverse|tradui|poema|al revés|traduc
    poesia|al contrario|ordine inverso|tradur|ao contrário|ordem inversa|traduz|хайку|стих|обратном порядке|перев
    şiir|ters sıra|tersten|çevir|thơ|ngược|dịch|puisi|terbalik|terjemah|tula|baligtad|isalin
    هايكو|قصيدة|شعر|عكسي|ترجم|हाइकु|कविता|उल्टे|उलटे|अनुवाद|হাইকু|কবিতা|উল্টো|বিপরীত|অনুবাদ|하이쿠|시를|역순|거꾸로|번역""",
    """ไฮกุ|บทกวี|กลอน|ย้อนกลับ|แปล|俳句|詩|逆順|逆の順|翻訳|翻译|诗|倒序|相反的顺序|反顺序""",
)
"""A form that is asked for instead of plain words."""

MACHINE = Words(
    """an ai|ai (?:model|assistant|language)|language model|llm|chatgpt|gpt|smartgpt|dan|developer|system|database
    override
    maintenance mode|ki-|künstliche intelligenz|entwickler|datenbank|une ia|intelligence artificielle|base de données
    una ia|base de datos|desarrollador|un'ia|sviluppatore|uma ia|desenvolvedor|ии|разработчик|базе данных|базу данных
    yapay zeka|geliştirici|veritaban
    trí tuệ nhân tạo|nhà phát triển|cơ sở dữ liệu|kecerdasan buatan|pengembang|basis data
    الذكاء الاصطناعي|المطور|مطور|قاعدة بيانات|एआई|डेवलपर|डेटाबेस|मोड|এআই|ডেভেলপার|ডাটাবেস|인공지능|개발자|데이터베이스""",
    """เอไอ|ปัญญาประดิษฐ์|นักพัฒนา|ฐานข้อมูล|人工知能|開発者|データベース|人工智能|开发者|开发人员|数据库|系统模式""",
)
"""What such an assistant is and runs on."""

YOU = Words(
    """you|your|yours
    du|dein|deine|deinen|deiner|dir|dich|ihnen|vous|votre|vos|tu|ton|ta|tes|usted|tú|su|tus|lei|suo|sua|tua|tuo|você|seu
    вы|вам|ваш|ваша|ваше|ты|твой|sen|senin|siz|sizin|bạn|của bạn|anda|kamu|ikaw|mo|iyong|ka
    أنت|لك|आप|आपके|आपका|आपकी|तुम|আপনি|আপনার|তুমি|তোমার|당신|너의|너는|εσείς|σας|σου""",
    """คุณ|あなた|君|你|您""",
)
"""The one who is spoken to."""
