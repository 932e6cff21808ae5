package labelled

import "strings"

// A land is what the generator knows of a country: how people and places are called
// there, and what its numbers look like. In the shapes, 0 is any digit, 1 a digit
// but 0, @ a capital letter.
type land struct {
	code        string
	lang        string
	first, last []string
	streets     []string // %d is the number of the house
	cities      []string
	regions     []string
	postcode    string
	calling     string
	// Phones are national numbers without the trunk prefix, in the groups in which
	// they are written; where a regulator keeps numbers for fiction, those.
	phones []string
	trunk  string
	family bool // the family name comes first
}

func words(s string) []string { return strings.Fields(s) }

func parts(s string) []string {
	ps := strings.Split(s, ";")
	for i := range ps {
		ps[i] = strings.TrimSpace(ps[i])
	}
	return ps
}

var lands = []land{
	{code: "US", lang: "en", calling: "1", first: words("Avery Brooke Caleb Dana Elliot Faye Grant Hazel Irene Jonah"), last: words("Abbot Barlow Carver Delaney Eastman Fenwick Garland Hollis O'Rourke Quimby-Jones"),
		streets: parts("%d Larkspur Lane; %d Old Quarry Road; %d W Juniper Ave Apt 4; %d Foxglove Court"), cities: parts("Springvale; Cedar Hollow; Port Linden; Maple Falls"), regions: words("OR VT NM OH"), postcode: "10000",
		phones: parts("212-555-0100; 312-555-0100; 415-555-0100; 617-555-0100; 503-555-0100")},
	{code: "GB", lang: "en", calling: "44", trunk: "0", first: words("Alfie Bronwen Callum Daisy Euan Flora Gareth Harriet"), last: words("Ainsworth Blackwood Cartwright Dalglish Entwistle Fairfax MacLeod O'Neil"),
		streets: parts("%d Nettle Close; Flat 2, %d Mill Row; %d Harbour Terrace; %d St Aldwyn Road"), cities: parts("Little Exham; Westport; Thornby; Castle Weir"), regions: parts("Devonshire; Northshire"), postcode: "@@1 1@@",
		phones: parts("7700 900000; 20 7946 0000; 161 496 0000; 121 496 0000; 29 2018 0000")},
	{code: "IE", lang: "en", calling: "353", trunk: "0", first: words("Aoife Brendan Ciara Donal Eimear Fergus Grainne Padraig"), last: parts("Ó Briain; Brennan; Cassidy; Doyle; Fitzgerald; Ní Dhomhnaill"),
		streets: parts("%d Hawthorn Drive; %d The Green; %d Abbey Quay"), cities: parts("Ballyweir; Kilmore; Rathdown"), regions: parts("Co. Clare; Co. Meath"), postcode: "@10 @1@1", phones: parts("85 012 0000; 1 234 0000; 21 234 0000")},
	{code: "AU", lang: "en", calling: "61", trunk: "0", first: words("Banjo Coral Darcy Elodie Flynn Indi Jarrah Kirra"), last: words("Arkwright Billings Coolabah Dunstan Everingham Fitzroy Grevill"),
		streets: parts("%d Wattle Grove; Unit 3/%d Shearers Road; %d Lyrebird Parade"), cities: parts("Port Banksia; Mount Curlew; Ironbark"), regions: words("NSW VIC QLD TAS"), postcode: "1000", phones: parts("491 570 006; 491 570 156; 2 5550 0000; 3 7010 0000; 7 5550 0000")},
	{code: "CA", lang: "en", calling: "1", first: words("Ainsley Brodie Cassidy Elodie Fraser Isla Laurent Odette"), last: words("Abernethy Bellefontaine Charlebois Desrosiers Fairweather Kinnaird St-Onge"),
		streets: parts("%d Maple Hollow Road; %d Chemin du Ruisseau; %d Loon Lake Drive"), cities: parts("Snowberry; Lac-aux-Pins; Portage Bay"), regions: words("ON QC NS BC"), postcode: "@1@ 1@1", phones: parts("204-555-0100; 416-555-0100; 514-555-0100; 604-555-0100")},
	{code: "IN", lang: "en", calling: "91", trunk: "0", first: words("Aarav Bhavana Chaitanya Deepika Farhan Gauri Kavya Lakshmi"), last: words("Acharya Bhattacharjee Deshpande Hegde Iyengar Kulkarni Nambiar Oberoi"),
		streets: parts("%d Banyan Park Road; Flat 12, %d Temple Tank Street; %d Jacaranda Colony"), cities: parts("Neempur; Lotus Nagar; Kadalur"), regions: parts("Karnataka; Kerala; Punjab"), postcode: "110001", phones: parts("98765 43210; 99999 00000; 98000 00000")},
	{code: "DE", lang: "de", calling: "49", trunk: "0", first: words("Anneliese Bernd Claudia Dietmar Elke Friedrich Gisela Jürgen Käthe Sören"), last: words("Ackermann Bäcker Dörfler Eichhorn Großmann Hüttner Kühn Müller-Lüdenscheidt"),
		streets: parts("Ahornweg %d; Lange Straße %d; Am Mühlbach %da; Bürgerplatz %d"), cities: parts("Neustadt am Wehr; Altenfels; Grünhagen; Köbersdorf"), regions: parts("Hessen; Thüringen"), postcode: "10000", phones: parts("30 23125 000; 89 99998 000; 171 3920 000; 152 28817 000; 69 90009 000")},
	{code: "CH", lang: "de", calling: "41", trunk: "0", first: words("Beat Corinne Dölf Elsbeth Fränzi Reto Urs Vreni"), last: words("Aebischer Bärtschi Caflisch Fankhauser Gerber Zumstein Zürcher"),
		streets: parts("Bahnhofstrasse %d; Im Grund %d; Seeweg %d"), cities: parts("Wehrikon; Oberau; Bärenthal"), postcode: "1000", phones: parts("78 123 00 00; 44 668 00 00; 31 312 00 00")},
	{code: "FR", lang: "fr", calling: "33", trunk: "0", first: words("Amélie Benoît Chloé Émile François Hélène Jean-Luc Zoé"), last: parts("Bérubé; Chauvin; Delacroix; Lefèvre; d'Argent; Le Goff; Noël"),
		streets: parts("%d rue des Tilleuls; %d bis avenue du Moulin; %d place de l'Église; %d chemin de la Fontaine"), cities: parts("Saint-Amour-le-Pont; Villeneuve; Châteauvert"), regions: parts("Île-de-France; Bretagne"), postcode: "10000", phones: parts("1 99 00 00 00; 2 61 91 00 00; 6 39 98 00 00; 5 36 49 00 00")},
	{code: "BE", lang: "nl", calling: "32", trunk: "0", first: words("Anneleen Bart Els Joris Lotte Maarten Wouter Zoë"), last: parts("Claes; De Smedt; Janssens; Peeters; Van den Broeck; Vermeulen"),
		streets: parts("Kerkstraat %d; Lindelaan %d bus 2; Molenweg %d"), cities: parts("Weerdam; Oudekerke; Sint-Truidenberg"), postcode: "1000", phones: parts("470 12 00 00; 2 555 00 00; 3 555 00 00")},
	{code: "ES", lang: "es", calling: "34", first: words("Álvaro Begoña Íñigo Julián Lucía Noelia Pilar Ximena"), last: parts("Abascal Núñez; Castaño; de la Fuente; Echeverría; García-Mora; Ibáñez"),
		streets: parts("Calle de los Olmos %d; Avda. del Mar %d, 3º B; Plaza Mayor %d"), cities: parts("Villarrío; Peñablanca; Puerto Sereno"), regions: parts("Andalucía; Aragón"), postcode: "10000", phones: parts("612 34 00 00; 810 12 00 00; 912 34 00 00")},
	{code: "MX", lang: "es", calling: "52", first: words("Adrián Citlali Ernesto Guadalupe Itzel Joaquín Ximena"), last: parts("Arriaga; Barrón Peña; Cárdenas; Escobedo; Zúñiga"),
		streets: parts("Calle Jacarandas %d; Av. de las Torres %d Int. 4; Privada del Sol %d"), cities: parts("San Lázaro; Valle Dorado; Tepeyolco"), regions: parts("Jalisco; Nuevo León"), postcode: "10000", phones: parts("222 123 0000; 55 1234 0000; 81 1234 0000")},
	{code: "IT", lang: "it", calling: "39", first: words("Alessio Beatrice Chiara Donatello Fiorella Nicolò Ottavia"), last: parts("Bernardini; Cavalli; D'Amico; De Rosa; Ferrarotti; Lombardi"),
		streets: parts("Via delle Rose %d; Viale Europa %d/B; Piazza San Marco %d; Corso Alto %d"), cities: parts("Castel di Sopra; Borgo Nuovo; Monteverde"), regions: words("TO BO RM"), postcode: "10000", phones: parts("02 1234 0000; 312 345 0000; 06 6988 0000")},
	{code: "BR", lang: "pt", calling: "55", trunk: "0", first: words("Antônio Beatriz Caetano Flávia Iracema João Tainá"), last: parts("Araújo; Brandão; da Conceição; dos Anjos; Gonçalves; Sampaio"),
		streets: parts("Rua das Acácias, %d; Avenida dos Ipês, %d, apto 31; Travessa do Moinho, %d"), cities: parts("Vila Serena; Porto das Águas; São Bento Velho"), regions: words("SP RJ BA"), postcode: "10000-000", phones: parts("(11) 90000-0000; (21) 90000-0000; (11) 2345-0000; (31) 90000-0000")},
	{code: "PT", lang: "pt", calling: "351", first: words("Afonso Benedita Conceição Duarte Inês Leonor Simão"), last: parts("Albuquerque; Baião; Carvalhais; de Sá; Guimarães; Teixeira"),
		streets: parts("Rua do Alecrim %d; Largo da Sé %d, 2º Esq.; Travessa Nova %d"), cities: parts("Vila Clara; Póvoa do Rio; Monte Alto"), postcode: "1000-000", phones: parts("912 345 000; 212 345 000; 961 234 000")},
	{code: "NL", lang: "nl", calling: "31", trunk: "0", first: words("Anouk Bram Fleur Joost Lieke Maarten Sietske Thijs"), last: parts("van den Berg; Bakker; de Groot; Hoekstra; Jansen; 't Hart"),
		streets: parts("Dorpsstraat %d; Kanaalweg %d-II; Tulpenhof %d"), cities: parts("Nieuwersluis; Oudeschans; Waterdam"), postcode: "1000 @@", phones: parts("6 12345 000; 20 555 0000; 10 123 0000")},
	{code: "PL", lang: "pl", calling: "48", first: words("Agnieszka Bogdan Elżbieta Grzegorz Łukasz Małgorzata Żaneta"), last: parts("Adamczyk; Błaszczyk; Dąbrowska; Kowalik; Świątek; Wójcik-Nowak"),
		streets: parts("ul. Kwiatowa %d; ul. Długa %d/7; os. Leśne %d m. 12"), cities: parts("Nowa Wola; Złotów Górny; Brzezie"), postcode: "10-000", phones: parts("512 345 000; 22 123 00 00; 601 234 000")},
	{code: "SE", lang: "sv", calling: "46", trunk: "0", first: words("Åsa Börje Elsa Göran Linnéa Nils Örjan"), last: parts("Ahlström; Björk; Forsberg; Lindqvist; Sjögren; Ångström"),
		streets: parts("Björkvägen %d; Storgatan %d B; Hamnplan %d"), cities: parts("Norrby; Ängsholm; Västervik Strand"), postcode: "100 00", phones: parts("70-174 06 00; 8-465 004 00; 31-390 06 00; 40-628 04 00")},
	{code: "DK", lang: "da", calling: "45", first: words("Anders Birgitte Freja Jens Kirstine Søren Åge"), last: parts("Bjerregaard; Dalsgård; Ellegaard; Højgaard; Kjær; Nørgaard"),
		streets: parts("Strandvejen %d; Møllegade %d, 2. tv; Rosenvænget %d"), cities: parts("Nørreby; Søborg Havn; Ærøsund"), postcode: "1000", phones: parts("32 12 00 00; 20 12 00 00; 44 12 00 00")},
	{code: "FI", lang: "fi", calling: "358", trunk: "0", first: words("Aino Eero Helmi Jyrki Päivi Väinö Yrjö"), last: parts("Heikkilä; Järvinen; Koskela; Mäkelä; Nieminen; Pöysti"),
		streets: parts("Koivukuja %d; Rantatie %d A 5; Mäkikatu %d"), cities: parts("Uusijoki; Kivilahti; Mäntyranta"), postcode: "10000", phones: parts("41 234 0000; 13 123 000; 50 123 0000")},
	{code: "NO", lang: "nb", calling: "47", first: words("Asbjørn Birgit Eirik Håkon Ingrid Sigrid Øyvind"), last: parts("Aasen; Bjørnstad; Haugland; Nygård; Sørlie; Ødegård"),
		streets: parts("Fjordveien %d; Bjørkelia %d B; Kirkegata %d"), cities: parts("Nordvik; Åsnes; Fjellheim"), postcode: "1000", phones: parts("406 12 000; 21 23 00 00; 922 34 000")},
	{code: "RO", lang: "ro", calling: "40", trunk: "0", first: words("Andreea Bogdan Ioana Mihăiță Ștefan Țoța Vasile"), last: parts("Albu; Bălan; Ciobanu; Dănilă; Ionescu; Șerban"),
		streets: parts("Str. Florilor nr. %d; Bd. Unirii %d, bl. A2; Aleea Teilor %d"), cities: parts("Satu Nou; Valea Lungă; Târgu Frumos"), postcode: "100000", phones: parts("712 034 000; 21 123 0000; 722 123 000")},
	{code: "JP", lang: "ja", calling: "81", trunk: "0", family: true, first: words("太郎 花子 健一 さくら 美咲 翔太 陽菜"), last: words("青柳 藤森 花沢 一ノ瀬 川端 西園 山野辺"),
		streets: parts("桜ヶ丘%d-2-3; 緑町2丁目%d番地; 北浜%d-10"), cities: parts("仙台市; 松山市; 金沢市"), regions: words("宮城県 愛媛県 石川県"), postcode: "100-0001", phones: parts("3-1234-0000; 90-1234-0000; 6-6123-0000")},
	{code: "CN", lang: "zh", calling: "86", family: true, first: words("伟 芳 娜 秀英 敏 静 建国"), last: words("欧阳 诸葛 司马 柳 范 孟 齐"),
		streets: parts("梧桐路%d号; 长青大街%d号3单元; 河滨巷%d号"), cities: parts("临江市; 新安市; 清泉市"), regions: words("江苏省 浙江省"), postcode: "110000", phones: parts("131 2345 0000; 10 1234 0000; 159 0000 0000")},
	{code: "KR", lang: "ko", calling: "82", trunk: "0", family: true, first: words("민준 서연 지후 하은 도윤 수아"), last: words("남궁 황보 제갈 선우 표 천"),
		streets: parts("버들로 %d; 은행나무길 %d번지; 강변대로 %d"), cities: parts("수림시; 한솔시; 청해시"), regions: words("경기도 강원도"), postcode: "10000", phones: parts("10-2000-0000; 2-2123-0000; 31-212-0000")},
}
