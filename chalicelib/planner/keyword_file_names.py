"""Every name that keyword tools give to a column, an intent or an empty cell, in the languages people export in: tables only."""

# ruff: noqa: E501, RUF001 - letters of other scripts are the point here, and count double in a line
# fmt: off

# locale -> our column -> header names, case folded. A UI export has five columns; older and newer wordings are both kept.
SEARCH_CONSOLE: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {"keyword": ("top queries", "query", "queries", "search query"), "clicks": ("clicks",), "impressions": ("impressions",),
           "ctr": ("ctr", "site ctr", "url ctr"), "position": ("position", "average position", "avg. position", "avg position"),
           "url": ("top pages", "page", "pages")},
    "de": {"keyword": ("häufigste suchanfragen", "suchanfragen", "suchanfrage"), "clicks": ("klicks",), "impressions": ("impressionen",),
           "ctr": ("klickrate", "ctr"), "position": ("durchschnittliche position", "position", "durchschn. position"),
           "url": ("häufigste seiten",)},
    "fr": {"keyword": ("requêtes les plus fréquentes", "requêtes", "requête", "principales requêtes"), "clicks": ("clics",),
           "impressions": ("impressions",), "ctr": ("ctr", "taux de clics"), "position": ("position moyenne", "position")},
    "es": {"keyword": ("consultas principales", "consultas más frecuentes", "consultas", "consulta"), "clicks": ("clics", "clicks"),
           "impressions": ("impresiones",), "ctr": ("ctr",), "position": ("posición media", "posición", "posición promedio")},
    "pt": {"keyword": ("principais consultas", "consultas principais", "principais pesquisas", "pesquisas principais", "consultas de pesquisa"),
           "clicks": ("cliques",), "impressions": ("impressões",), "ctr": ("ctr",), "position": ("posição", "posição média")},
    "it": {"keyword": ("query principali", "query più frequenti", "query di ricerca"), "clicks": ("clic", "click"),
           "impressions": ("impressioni",), "ctr": ("ctr",), "position": ("posizione media", "posizione")},
    "nl": {"keyword": ("populairste zoekopdrachten", "populaire zoekopdrachten", "topzoekopdrachten", "meest voorkomende zoekopdrachten",
                       "zoekopdrachten", "zoekopdracht"),
           "clicks": ("klikken",), "impressions": ("vertoningen",), "ctr": ("ctr", "klikfrequentie"), "position": ("positie", "gemiddelde positie")},
    "pl": {"keyword": ("najpopularniejsze zapytania", "najczęstsze zapytania", "zapytania", "zapytanie"), "clicks": ("kliknięcia",),
           "impressions": ("wyświetlenia",), "ctr": ("ctr", "wsp. klik."), "position": ("pozycja", "średnia pozycja", "śr. pozycja")},
    "tr": {"keyword": ("en popüler sorgular", "en çok yapılan sorgular", "en sık yapılan sorgular", "sorgular", "sorgu"),
           "clicks": ("tıklama", "tıklamalar", "tıklama sayısı"), "impressions": ("görüntüleme", "gösterimler", "gösterim", "gösterim sayısı"),
           "ctr": ("ctr", "to", "tıklama oranı"), "position": ("ortalama konum", "konum", "pozisyon")},
    "cs": {"keyword": ("nejčastější dotazy", "hlavní dotazy", "dotazy", "dotaz"), "clicks": ("kliknutí", "prokliky"), "impressions": ("zobrazení",),
           "ctr": ("ctr", "míra prokliku"), "position": ("průměrná pozice", "pozice")},
    "sk": {"keyword": ("najčastejšie dopyty", "najčastejšie dotazy", "hlavné dopyty", "dopyty", "dopyt"), "clicks": ("kliknutia",),
           "impressions": ("zobrazenia",), "ctr": ("ctr", "mp"), "position": ("priemerná pozícia", "pozícia")},
    "sv": {"keyword": ("vanligaste sökfrågorna", "vanligaste frågorna", "populäraste sökfrågorna", "sökfrågor", "sökfråga"),
           "clicks": ("klick",), "impressions": ("visningar", "exponeringar"), "ctr": ("klickfrekvens", "ctr"),
           "position": ("genomsnittlig position", "position", "placering")},
    "da": {"keyword": ("mest populære forespørgsler", "populæreste forespørgsler", "hyppigste forespørgsler", "topforespørgsler", "forespørgsler"),
           "clicks": ("klik",), "impressions": ("eksponeringer", "visninger"), "ctr": ("ctr", "klikrate"),
           "position": ("gennemsnitlig placering", "gennemsnitlig position", "placering", "position")},
    "nb": {"keyword": ("vanligste søk", "vanligste søkene", "mest populære søk", "populære søk", "populære søkeord", "søk"), "clicks": ("klikk",),
           "impressions": ("visninger", "eksponeringer"), "ctr": ("ctr", "klikkfrekvens"),
           "position": ("gjennomsnittlig posisjon", "posisjon", "plassering")},
    "fi": {"keyword": ("suosituimmat kyselyt", "yleisimmät kyselyt", "suosituimmat haut", "kyselyt", "kysely"), "clicks": ("klikkaukset", "klikkausta"),
           "impressions": ("näyttökerrat", "näytöt"), "ctr": ("ctr", "klikkausprosentti"),
           "position": ("keskimääräinen sijainti", "sijainti", "sijoitus")},
    "hu": {"keyword": ("leggyakoribb lekérdezések", "legnépszerűbb lekérdezések", "legfontosabb lekérdezések", "lekérdezések"),
           "clicks": ("kattintások", "kattintás"), "impressions": ("megjelenések", "megjelenítések"), "ctr": ("ctr", "áka", "átkattintási arány"),
           "position": ("átlagos pozíció", "pozíció", "helyezés")},
    "ro": {"keyword": ("principalele interogări", "interogări principale", "cele mai frecvente interogări", "interogări"), "clicks": ("clicuri",),
           "impressions": ("afișări", "afişări"), "ctr": ("ctr",), "position": ("poziția medie", "poziție", "poziţie", "poziția")},
    "ru": {"keyword": ("поисковый запрос", "популярные запросы", "самые популярные запросы", "топ запросов", "запросы", "запрос"),
           "clicks": ("клики",), "impressions": ("показы",), "ctr": ("ctr",), "position": ("позиция", "средняя позиция")},
    "uk": {"keyword": ("найпопулярніші запити", "популярні запити", "пошуковий запит", "запити"), "clicks": ("кліки", "натискання"),
           "impressions": ("покази",), "ctr": ("ctr",), "position": ("позиція", "середня позиція", "рейтинг")},
    "bg": {"keyword": ("най-чести заявки", "най-популярни заявки", "водещи заявки", "заявки"), "clicks": ("кликвания",), "impressions": ("импресии",),
           "ctr": ("ctr",), "position": ("средна позиция", "позиция")},
    "el": {"keyword": ("κορυφαία ερωτήματα", "δημοφιλέστερα ερωτήματα", "ερωτήματα"), "clicks": ("κλικ",),
           "impressions": ("εμφανίσεις", "απεικονίσεις"), "ctr": ("ctr", "αναλογία κλικ προς εμφανίσεις"), "position": ("μέση θέση", "θέση")},
    "ja": {"keyword": ("上位のクエリ", "検索クエリ", "クエリ"), "clicks": ("クリック数", "クリック"), "impressions": ("表示回数", "インプレッション"),
           "ctr": ("ctr", "クリック率"), "position": ("掲載順位", "平均掲載順位")},
    "ko": {"keyword": ("인기 검색어", "상위 검색어", "검색어"), "clicks": ("클릭수", "클릭 수", "클릭"), "impressions": ("노출수", "노출", "노출 수"),
           "ctr": ("클릭률", "ctr"), "position": ("평균 게재순위", "게재순위", "게재 순위", "평균 게재 순위")},
    "zh": {"keyword": ("热门查询", "热门查询内容", "排名靠前的查询", "常见查询", "查询"), "clicks": ("点击次数", "点击"),
              "impressions": ("展示次数", "展示", "曝光次数"), "ctr": ("点击率", "ctr"), "position": ("平均排名", "排名")},
    "zh-tw": {"keyword": ("熱門查詢", "熱門查詢項目", "最常見的查詢", "主要查詢", "查詢"), "clicks": ("點擊次數", "點擊", "點閱次數"),
              "impressions": ("曝光次數", "曝光", "展示次數"), "ctr": ("點閱率", "點擊率", "ctr"), "position": ("平均排名", "排名", "排序", "排名位置")},
    "vi": {"keyword": ("cụm từ tìm kiếm hàng đầu", "truy vấn hàng đầu", "truy vấn phổ biến nhất", "cụm từ truy vấn hàng đầu", "truy vấn"),
           "clicks": ("lượt nhấp", "số lượt nhấp", "lần nhấp"), "impressions": ("lượt hiển thị", "số lượt hiển thị", "số lần hiển thị"),
           "ctr": ("ctr", "tỷ lệ nhấp"), "position": ("vị trí", "vị trí trung bình")},
    "id": {"keyword": ("kueri teratas", "kueri populer", "kueri paling umum", "kueri"), "clicks": ("klik",), "impressions": ("tayangan", "impresi"),
           "ctr": ("rkt", "ctr"), "position": ("posisi", "posisi rata-rata")},
    "th": {"keyword": ("ข้อความค้นหายอดนิยม", "คำค้นหายอดนิยม", "ข้อความค้นหา", "คำค้นหา"), "clicks": ("จำนวนคลิก", "การคลิก", "คลิก"),
           "impressions": ("จำนวนการแสดงผล", "การแสดงผล"), "ctr": ("ctr", "อัตราการคลิกผ่าน"), "position": ("อันดับ", "ตำแหน่ง", "ตำแหน่งเฉลี่ย")},
    "he": {"keyword": ("השאילתות המובילות", "שאילתות מובילות", "שאילתות"), "clicks": ("קליקים", "לחיצות"), "impressions": ("חשיפות",),
           "ctr": ("שיעור קליקים (ctr)", "שיעור קליקים", "ctr"), "position": ("מיקום", "מיקום ממוצע")},
    "ar": {"keyword": ("أهم طلبات البحث", "أهم الاستعلامات", "طلبات البحث الأكثر شيوعًا", "طلبات البحث", "الاستعلامات"),
           "clicks": ("النقرات", "عدد النقرات", "نقرات"), "impressions": ("مرات الظهور", "عدد مرات الظهور"), "ctr": ("نسبة النقر إلى الظهور", "ctr"),
           "position": ("الموضع", "الترتيب", "متوسط الموضع")},
}

# The word for `Country` in the `Filters` table of a Search Console export.
COUNTRY_FILTERS = frozenset(
    ("country", "land", "pays", "país", "paese", "kraj", "ülke", "země", "krajina", "maa", "ország", "țară", "ţară", "страна", "країна", "държава",
     "χώρα", "国", "국가", "国家/地区", "国家或地区", "国家", "國家/地區", "國家", "quốc gia", "negara", "ประเทศ", "מדינה", "البلد", "countries")
)

# Names of the average monthly searches in Keyword Planner exports made in another language.
PLANNER_VOLUME = (
    "avg. monthly searches", "avg monthly searches", "average monthly searches", "avg. monthly searches (exact match only)",
    "durchschn. suchanfragen pro monat", "durchschnittl. suchanfragen pro monat", "durchschnittliche suchanfragen pro monat", "ø suchanfragen pro monat",
    "nbre moy. de recherches mensuelles", "nb moy. de recherches mensuelles", "nombre moyen de recherches mensuelles", "recherches mensuelles moyennes",
    "promedio de búsquedas mensuales", "prom. de búsquedas mensuales", "media de búsquedas mensuales", "média de pesquisas mensais",
    "média pesquisas mensais", "ricerche mensili medie", "media ricerche mensili", "gem. aantal zoekopdrachten per maand",
    "gem. maandelijkse zoekopdrachten", "śr. miesięczna liczba wyszukiwań", "średnia miesięczna liczba wyszukiwań", "prům. měsíční vyhledávání",
    "genomsn. antal sökningar per månad", "ort. aylık arama sayısı", "среднее число запросов в месяц", "ср. число запросов в месяц",
    "月間平均検索ボリューム", "平均每月搜索量", "每月平均搜尋量", "월간 평균 검색량",
)
# ... and of its index of advertising competition, which proves the tool and is never a difficulty.
PLANNER_COMPETITION = ("competition (indexed value)", "wettbewerb (indexierter wert)", "concurrence (valeur indexée)", "competencia (valor indexado)",
                       "competencia (valor de índice)", "concorrência (valor indexado)", "concorrenza (valore indicizzato)",
                       "concurrentie (geïndexeerde waarde)", "競合性（インデックス値）")

# our column -> names, the most telling first: when a file has several, the earliest in this list is used.
COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "keyword": (
        "keyword", "keywords", "keyword phrase", "keyword text", "focus keyword", "target keyword", "main keyword", "key phrase", "keyphrase", "kw",
        "search term", "search terms", "searchterm", "search keyword", "phrase", "term", "query text",
        "关键词", "關鍵詞", "关键字", "關鍵字", "キーワード", "키워드", "từ khóa", "từ khoá", "schlüsselwort", "suchbegriff", "suchbegriffe",
        "mot-clé", "mot clé", "mots-clés", "mots clés", "palabra clave", "palabras clave", "palavra-chave", "palavras-chave", "parola chiave",
        "parole chiave", "zoekwoord", "zoekwoorden", "trefwoord", "słowo kluczowe", "słowa kluczowe", "ключевое слово", "ключевые слова", "ключевая фраза",
        "ключове слово", "anahtar kelime", "klíčové slovo", "kľúčové slovo", "sökord", "nyckelord", "søgeord", "søkeord", "nøkkelord", "avainsana",
        "hakusana", "kulcsszó", "cuvânt cheie", "λέξη-κλειδί", "ключова дума", "kata kunci", "คีย์เวิร์ด", "คำหลัก", "الكلمة الرئيسية", "كلمة رئيسية",
        "מילת מפתח",
    ),
    "volume": (
        "volume", "search volume", "monthly search volume", "monthly volume", "monthly searches", *PLANNER_VOLUME, "avg. search volume",
        "avg search volume", "average search volume", "avg. monthly search volume", "average monthly search volume", "avg. volume", "search vol.", "avg monthly search volume", "monthly search vol", "monthly search vol.", "search volume/mo", "volume/mo", "total volume",
        "search vol", "vol", "vol.", "sv", "msv", "searches", "searches per month", "local volume", "local search volume",
        "avg. search volume (last known values)", "avg. searches", "搜索量", "月搜索量", "搜尋量", "検索ボリューム", "検索数", "月間検索数", "검색량",
        "suchvolumen", "volume de recherche", "volumen", "volumen de búsqueda", "volumen de búsquedas", "volume de busca", "volume di ricerca",
        "zoekvolume", "wolumen", "liczba wyszukiwań", "частотность", "частота", "объем", "объём", "arama hacmi", "hledanost", "sökvolym", "søgevolumen",
        "søkevolum", "hakumäärä", "volum de căutare", "lượng tìm kiếm", "volume pencarian",
    ),
    "difficulty": (
        "difficulty", "keyword difficulty", "kd", "kd%", "kd %", "kd (%)", "keyword difficulty index", "keyword difficulty (kd)", "keyword difficulty %",
        "keyword difficulty (%)", "keyword difficulty, %", "kd, %", "kd index", "keyword difficulty score", "kw difficulty", "keyword diff", "organic difficulty", "difficulty (%)", "difficulty score", "seo difficulty", "seo difficulty (sd)", "sd", "kd score",
        "serp difficulty", "serp difficulty score", "难度", "关键词难度", "難度", "難易度", "난이도", "schwierigkeit", "keyword-schwierigkeit", "difficulté",
        "dificultad", "dificuldade", "difficoltà", "moeilijkheid", "trudność", "сложность", "zorluk", "obtížnost", "svårighet", "độ khó",
    ),
    "intent": (
        "intent", "intents", "search intent", "search intents", "keyword intent", "keyword intents", "user intent", "意图", "搜索意图", "意圖",
        "検索意図", "의도", "absicht", "suchintention", "suchabsicht", "intention", "intention de recherche", "intención", "intención de búsqueda",
        "intenção", "intento", "intencja", "интент", "намерение", "ý định",
    ),
    "country": ("country", "market", "database", "country code", "geo", "land", "pays", "país", "国家", "国家/地区"),
    "status": ("status",),
    "cluster": ("cluster", "cluster name", "keyword cluster", "topic cluster", "keyword group", "cụm", "nhóm"),
    "cpc": ("cpc", "avg. cpc", "cost per click", "cpc usd"),
    "parent": ("parent keyword", "parent topic"),
    "serp_features": ("serp features", "serp features by keyword"),
    "traffic_potential": ("traffic potential",),
    "clicks": (), "impressions": (), "ctr": (), "position": (), "url": (),
    "currency": ("currency", "währung", "devise", "moneda", "moeda", "valuta"),
    "seed_keyword": ("seed keyword",), "page": ("page",), "topic": ("topic",), "page_type": ("page type",), "tags": ("tags",),
    "industry": ("industry",), "sector": ("sector",), "is_active": ("is active",),
}

# Words for the four intents, in the languages the tools are used in.
INTENT_WORDS: dict[str, tuple[str, ...]] = {
    "informational": (
        "informational", "info", "inform", "information", "informative", "informationell", "informativ", "informationsorientiert",
        "informationnelle", "informationnel", "informacional", "informativo", "informativa", "informazionale", "informatief",
        "informacyjna", "informacyjny", "informační", "информационный", "информационная", "информационное", "信息", "信息型", "信息类",
        "資訊", "情報", "情報収集", "정보", "bilgilendirici",
    ),
    "commercial": (
        "commercial", "comm", "commercial-investigation", "investigation", "kommerziell", "kommerzielle", "commerciale",
        "comercial", "commercieel", "komercyjna", "komercyjny", "komerční", "коммерческий", "коммерческая", "коммерческое", "商业",
        "商业型", "商业类", "商業", "商用", "比較検討", "상업", "ticari", "kommersiell", "commercial investigation",
    ),
    "transactional": (
        "transactional", "trans", "transaction", "transact", "buy", "purchase", "transaktional", "transaktionsorientiert",
        "transactionnelle", "transactionnel", "transaccional", "transacional", "transazionale", "transactioneel", "transakcyjna",
        "transakcyjny", "transakční", "транзакционный", "транзакционная", "транзакционное", "交易", "交易型", "交易类", "購買", "取引", "거래",
        "işlemsel", "transaktionell",
    ),
    "navigational": (
        "navigational", "nav", "navigation", "navigationsorientiert", "navigationnelle", "navigationnel", "navegacional",
        "navigazionale", "navigatie", "nawigacyjna", "nawigacyjny", "navigační", "навигационный", "навигационная",
        "навигационное", "导航", "导航型", "导航类", "導航", "ナビゲーション", "案内", "탐색", "gezinme", "navigationell",
    ),
}

# What tools write into a cell that has no number.
NO_NUMBER = frozenset(
    (
        "", "-", "--", "---", "n/a", "na", "n.a.", "n.a", "#n/a", "#n/d", "#value!", "#ref!", "#div/0!", "none", "null", "nan",
        "nil", "no data", "not available", "unknown", "?", "n/d", "nd", "s/d", "k.a.", "k. a.", "\u2013", "\u2014", "\u2026",
        "...", "(not set)", "(other)", "\\n", "н/д", "нет данных", "нд", "无", "不适用", "データなし", "該当なし",
    )
)
