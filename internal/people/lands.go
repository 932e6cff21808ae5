package people

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A land is what the generator knows of a country.
type land struct {
	code        string
	first, last []string
	currency    string
	phones      []block
	iban        func(*rand.Rand) string // nil: the country has no IBAN
	streets     []string                // %d stands for the house number
	towns       []town
	postcode    string // # a digit, @ a capital letter
}

type town struct{ name, region string }

func (l *land) address(r *rand.Rand) Address {
	t := pick(r, l.towns)
	street := pick(r, l.streets)
	if l.code == "JP" { // block, sub-block and house instead of a street number
		street = fmt.Sprintf(street, 1+r.IntN(9), 1+r.IntN(30), 1+r.IntN(40))
	} else {
		street = fmt.Sprintf(street, 1+r.IntN(180))
	}
	return Address{Street: street, City: t.name, Region: t.region, Postcode: shaped(r, l.postcode), Country: l.code}
}

// shaped fills a shape: # with a digit from 1 to 9, @ with a capital letter that
// postcodes use.
func shaped(r *rand.Rand, shape string) string {
	const letters = "ABCEGHJKLMNPRSTVWXY"
	b := []byte(shape)
	for i, ch := range b {
		switch ch {
		case '#':
			b[i] = byte('1' + r.IntN(9))
		case '@':
			b[i] = letters[r.IntN(len(letters))]
		}
	}
	return string(b)
}

func words(s string) []string { return strings.Fields(s) }

func parts(s string) []string {
	ps := strings.Split(s, ";")
	for i := range ps {
		ps[i] = strings.TrimSpace(ps[i])
	}
	return ps
}

func towns(s string) []town {
	var ts []town
	for _, p := range parts(s) {
		name, region, _ := strings.Cut(p, "/")
		ts = append(ts, town{name, region})
	}
	return ts
}

// landDraw weighs the countries: an index into lands for each lot.
var landDraw = [...]int{0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 7, 8, 8, 9, 10, 11}

// lands lists the countries. Where a regulator keeps telephone numbers for
// fiction, those are used:
//
//   - US, CA: 555-0100 to 555-0199 in each area code (see northAmerica).
//   - GB: Ofcom, "Telephone numbers for use in TV and radio drama programmes".
//   - DE: Bundesnetzagentur, Mitteilung Nr. 148/2021, "Rufnummern für
//     Medienproduktionen (Drama Numbers)".
//   - FR: Arcep, décision n° 2018-0881, numbers for audiovisual works.
//   - AU: ACMA, "Phone numbers for use in TV shows, films and creative works".
//
// The others keep none. Their numbers are invented and lie, where the national
// plan allows it, in blocks that cannot be dialled because the subscriber's
// number begins with the trunk digit: IT 081 00, NL 020 0, IN 022 0, JP 03 0,
// BR mobile 9 00. ES 8100 is a block of geographic shape, of which no more is
// claimed than that it is invented.
var lands = [...]land{
	{
		code: "US", currency: "USD", postcode: "#####",
		first:   words("Avery Jordan Madison Tyler Brooke Logan Paige Wyatt Harper Dylan Sierra Cole Autumn Trevor Kelsey Mason Jasmine Austin Naomi Caleb Whitney Derek Shelby Marcus Delaney Nolan Tessa Garrett Lila Damon"),
		last:    words("Ashdown Barlow Castellan Drummond Easterly Fairbanks Goodwyn Halloran Iverson Jessup Kendrick Lockhart Merriweather Nordstrom Oakes Pemberton Quimby Rutledge Stanhope Thackeray Underhill Vandermeer Whitlock Yarrow Zeller Blackwood Crowell Dunmore Ellsworth Fenwick"),
		phones:  northAmerica("201 202 206 212 213 214 215 216 303 305 312 313 314 317 402 404 405 407 408 410 412 414 415 502 503 504 505 512 513 515 516 602 603 605 608 612 614 615 617 702 703 704 713 716 801 802 803 804 808 813 816 818 901 904 907 913 915 916"),
		streets: parts("%d Alderbrook Lane; %d Juniper Hollow Road; %d Copperfield Avenue; %d Larkspur Court; %d Old Quarry Road; %d Meadowlark Drive; %d Pinecrest Boulevard; %d Saltbox Street; %d Windmill Terrace; %d Harvest Moon Way; %d Foxglove Circle; %d Millrace Street"),
		towns:   towns("Portland/OR; Madison/WI; Tucson/AZ; Richmond/VA; Buffalo/NY; Omaha/NE; Raleigh/NC; Spokane/WA; Dayton/OH; Mobile/AL; Boise/ID; Fresno/CA"),
	},
	{
		code: "GB", currency: "GBP", postcode: "@@# #@@", iban: ibanGB,
		first:   words("Alistair Bronwen Callum Daphne Edmund Freya Gareth Harriet Imogen Jasper Keira Lachlan Maisie Nigel Ottilie Percy Rhiannon Saskia Tamsin Umar Verity Winifred Yasmin Zara Angus Beatrix Cormac Elspeth Fergus Gemma"),
		last:    append(words("Ainsworth Birtwistle Cholmondeley Dalrymple Entwhistle Farthing Greenhalgh Hebblethwaite Inglethorpe Jarvis Kirkbride Lethbridge Mountjoy Netherby Ollerenshaw Prendergast Ramsbottom Satterthwaite Thistlewood Uttley Wolstenholme Yelland Applegarth Brocklehurst Clitheroe Dunstable"), "O'Hanrahan", "Hart-Davies"),
		phones:  append(append(blocks(3, "+447700900", "+441632960"), blocks(3, "+442079460", "+441134960", "+441144960", "+441154960", "+441164960", "+441174960", "+441184960", "+441214960", "+441314960", "+441414960", "+441514960", "+441614960")...), blocks(3, "+441914980", "+442896496")...),
		streets: parts("%d Larch Mews; %d Tanner's Row; %d Bramble Close; %d Old Priory Lane; %d Weavers Terrace; %d Cobbler Street; %d Heron Gardens; %d Mulberry Crescent; %d Saddler's Yard; %d Beacon Hill Road; %d Kingfisher Drive"),
		towns:   towns("Leeds; Bristol; Norwich; Cardiff; Glasgow; Exeter; Sheffield; Belfast; Lincoln; Dundee"),
	},
	{
		code: "DE", currency: "EUR", postcode: "#####", iban: ibanDE,
		first:   words("Anneliese Bernd Clemens Dörte Ekkehard Friederike Gunther Heike Ingrid Jürgen Katrin Lothar Mechthild Norbert Ottmar Petra Quirin Rüdiger Sieglinde Thorsten Ulrike Volker Waltraud Xaver Ansgar Birgit Detlef Elke Frauke Götz"),
		last:    words("Altenburg Birkenfeld Clausnitzer Dornbusch Eichendorf Falkenhain Grünwald Hohenfels Immergrün Jungblut Kastanienbaum Lindenau Mühlbacher Neuhäuser Osterkamp Pfefferkorn Quellmalz Rosenhagen Steinbrück Tannenberg Unterberg Vogelsang Weidenbach Zimmerling Ackermeister Brandstätter Sößner Kühnel"),
		phones:  append(blocks(3, "+493023125", "+496990009", "+494066969", "+492214710", "+498999998"), block{"+49176040690", 2}),
		streets: parts("Lindenweg %d; Am alten Speicher %d; Kastanienallee %d; Mühlgasse %d; Rosenstraße %d; Birkenhain %d; Zum Schöpfwerk %d; Gerberstraße %d; Fliederweg %d; Obere Wiesen %d"),
		towns:   towns("Kassel; Erfurt; Münster; Rostock; Augsburg; Chemnitz; Osnabrück; Ulm; Trier"),
	},
	{
		code: "FR", currency: "EUR", postcode: "##0##", iban: ibanFR,
		first:   append(words("Amélie Bastien Capucine Désiré Éloïse Fabrice Gaëlle Hervé Inès Joël Léontine Maxence Noémie Octave Pénélope Quentin Rémi Solène Thibault Ursule Valérie Yannick Zoé Aurore Benoît Clémence"), "Jean-Luc", "Anne-Sophie"),
		last:    words("Aubépin Beaurivage Chantereau Delacombe Estienne Fontclair Grandpré Hautefeuille Isambert Jolivet Kermadec Lavallière Montclar Noirmont Ormesson Perrault Quercy Roquebrune Sauvageot Tournemine Vauclair Villedieu Beauchêne Corbière Duvernay Fauchère"),
		phones:  blocks(4, "+3319900", "+3326191", "+3335301", "+3346571", "+3353649", "+3363998"),
		streets: parts("%d rue des Tilleuls; %d avenue du Vieux Moulin; %d impasse des Lavandes; %d rue de la Fontaine Claire; %d chemin des Vignes; %d boulevard des Marronniers; %d place du Lavoir; %d allée des Peupliers"),
		towns:   towns("Nantes; Dijon; Limoges; Grenoble; Rouen; Perpignan; Metz; Angers"),
	},
	{
		code: "ES", currency: "EUR", postcode: "28###", iban: ibanES,
		first:   append(words("Aitana Blas Candela Dámaso Elvira Fermín Graciela Hernán Inmaculada Jacinto Lorena Máximo Nuria Óscar Paloma Quintín Rocío Sancho Trinidad Urbano Visitación Ximena Adrián Beatriz"), "María José", "José Luis"),
		last:    append(words("Alcántara Berrocal Cifuentes Dávalos Espinar Fontanilla Gallardo Hinojosa Izaguirre Jaramillo Lozoya Montalbán Navascués Olivares Peñalver Quintanar Robledo Sepúlveda Tordesillas Urdaneta Valdeolmos Zurbarán"), "García Olmo", "Núñez Prado"),
		phones:  blocks(5, "+348100"),
		streets: parts("Calle del Olmo %d; Avenida de los Naranjos %d; Plaza del Aljibe %d; Calle Molino Viejo %d; Paseo de las Acacias %d; Camino de la Ermita %d; Calle Alfarería %d"),
		towns:   towns("Valladolid; Córdoba; Gijón; Cádiz; Logroño; Badajoz; Castellón"),
	},
	{
		code: "IT", currency: "EUR", postcode: "#01##", iban: ibanIT,
		first:   words("Adelina Baldassarre Cosimo Domitilla Ermenegildo Fiorella Gioacchino Ilaria Jacopo Lavinia Marzio Nicoletta Orlando Pasquale Quintilio Rosalba Saverio Tancredi Ubaldo Vittoria Zeno Amedeo Brunella Cesare Desirée Noè"),
		last:    append(words("Abbadessa Bellacqua Campofiorito Dellarocca Fiorentini Granduca Lombardozzi Montefusco Nardecchia Ottaviani Pratesi Quattrocchi Roccaforte Santacroce Terranova Valdambrini Zampogna Acquaviva Bonaventura Castelvetro"), "De Santis", "D'Amico"),
		phones:  blocks(5, "+3908100"),
		streets: parts("Via dei Cipressi %d; Corso delle Fontane %d; Piazza del Pozzo %d; Viale dei Platani %d; Vicolo del Forno %d; Via della Fornace %d; Largo dei Ciliegi %d"),
		towns:   towns("Bergamo/BG; Perugia/PG; Lecce/LE; Trieste/TS; Pescara/PE; Modena/MO; Catania/CT"),
	},
	{
		code: "NL", currency: "EUR", postcode: "#### @@", iban: ibanNL,
		first:   words("Anouk Bram Cornelis Dirkje Evert Femke Gijs Hanneke Ilse Joost Klaas Lieke Maarten Nienke Oscar Pieter Roosmarijn Sietske Teun Wietske Ynske Zwaantje Berend Geertje"),
		last:    append(words("Achterberg Boekhorst Dijkstra Elzinga Hoogland Kloosterman Lelieveld Molenaar Nieuwenhuis Oosterveld Postmus Rietveld Schipper Tulpenburg Uylenburg Veenstra Waterman Zandvliet"), "van der Brink", "de Graaf"),
		phones:  blocks(6, "+31200"),
		streets: parts("Molenpad %d; Kersenlaan %d; Oude Gracht %d; Tulpenstraat %d; Veerweg %d; Zeilmakerskade %d; Wilgenlaan %d"),
		towns:   towns("Zwolle; Breda; Leiden; Groningen; Arnhem; Middelburg"),
	},
	{
		code: "BR", currency: "BRL", postcode: "##0##-##0", iban: ibanBR,
		first:   words("Açucena Benedito Conceição Dalva Edmilson Fátima Gilson Heloísa Ivone Joaquim Luzia Moacir Neuza Otávio Palmira Raimundo Sebastião Tainá Ubirajara Valdemar Wanda Zélia Caetano Jussara"),
		last:    append(words("Albuquerque Bittencourt Cavalcanti Drummond Evangelista Figueiredo Guimarães Jacarandá Lacerda Magalhães Nogueira Paranhos Quaresma Sampaio Tavares Vasconcelos Ximenes Araújo Brandão"), "da Conceição", "dos Anjos"),
		phones:  blocks(6, "+5511900", "+5521900", "+5531900", "+5571900"),
		streets: parts("Rua das Acácias, %d; Avenida dos Ipês, %d; Travessa do Moinho, %d; Rua São Bento Velho, %d; Alameda das Palmeiras, %d; Rua da Olaria, %d"),
		towns:   towns("São Paulo/SP; Belo Horizonte/MG; Salvador/BA; Niterói/RJ; Curitiba/PR; Natal/RN"),
	},
	{
		code: "IN", currency: "INR", postcode: "###0##",
		first:   words("Aarav Bhavana Chaitanya Deepika Esha Farhan Gauri Harish Ishaan Jyoti Kavya Lakshmi Manoj Nandini Omkar Prerna Raghav Savitri Tanvi Uday Vasudha Yash Zubin Anjali"),
		last:    words("Acharya Bhattacharjee Chaturvedi Deshpande Gokhale Hegde Iyengar Jayaraman Kulkarni Lokhande Mukhopadhyay Nambiar Oberoi Padmanabhan Raghunathan Subramaniam Trivedi Upadhyay Venkataraman Wadhwani"),
		phones:  blocks(7, "+91220"),
		streets: parts("%d Neem Tree Lane; %d Temple Tank Road; %d Jacaranda Colony; %d Old Mill Cross; %d Banyan Park Road; %d Lotus Nagar Main Road"),
		towns:   towns("Pune; Mysuru; Kochi; Jaipur; Nagpur; Coimbatore"),
	},
	{
		code: "JP", currency: "JPY", postcode: "###-####",
		first:   words("Akihiko Chiyo Daichi Emiko Fumiko Goro Haruka Isamu Junko Kaede Makoto Natsumi Osamu Reiko Shigeru Tomoko Yuzuki Ayame Hinata Ryota"),
		last:    words("Aoyagi Fujimori Hanazawa Ichinose Kawabata Kuroiwa Matsunaga Nishizono Okamura Sakuraba Shiraishi Takemitsu Umezawa Wakabayashi Yamanobe Tsukishima"),
		phones:  blocks(7, "+8130"),
		streets: parts("%d-%d-%d Sakuragaoka; %d-%d-%d Midorimachi; %d-%d-%d Kitahama; %d-%d-%d Hoshigaoka; %d-%d-%d Takenodai"),
		towns:   towns("Sendai; Kanazawa; Hiroshima; Matsuyama; Nagano"),
	},
	{
		code: "AU", currency: "AUD", postcode: "##0#",
		first:   words("Amity Bryce Coral Darcy Eloise Flynn Gracie Heath Indiana Jarrah Kirra Lachie Matilda Neve Orson Poppy Quinn Reuben Sunny Taj Willow Zane"),
		last:    words("Arkwright Billingham Coolibah Dunleavy Eucumbene Fitzsimmons Grevillea Hollingsworth Illawarra Jindalee Kensington Lorimer Mackellar Narracott Pattinson Rosella Strathmore Treloar Wattlebird Yallop"),
		phones:  blocks(4, "+6125550", "+6127010", "+6135550", "+6137010", "+6175550", "+6177010", "+6185550", "+6187010"),
		streets: parts("%d Banksia Parade; %d Lyrebird Street; %d Wattle Grove; %d Shearers Road; %d Kookaburra Court; %d Ironbark Avenue"),
		towns:   towns("Hobart/TAS; Geelong/VIC; Newcastle/NSW; Cairns/QLD; Fremantle/WA; Adelaide/SA"),
	},
	{
		code: "CA", currency: "CAD", postcode: "@#@ #@#",
		first:   words("Ainsley Brodie Cassidy Dominic Elodie Fraser Genevieve Hudson Isla Jericho Kestrel Laurent Maëlle Nathaniel Odette Philippe Rowan Simone Tristan Vivienne"),
		last:    append(words("Abernethy Bellefontaine Charlebois Desrosiers Everwood Fairweather Gauthier Hawthorne Kinnaird Lamontagne Macallister Northcott Pelletier Rivard Sinclair Thibodeau Whitehorse"), "St-Onge", "LeBlanc"),
		phones:  northAmerica("204 250 306 403 416 418 506 514 519 604 613 647 705 709 780 807 819 867 902 905"),
		streets: parts("%d Maple Hollow Road; %d Loon Lake Drive; %d Chemin du Ruisseau; %d Tamarack Street; %d Snowberry Crescent; %d Portage Lane"),
		towns:   towns("Halifax/NS; Regina/SK; Kelowna/BC; Sherbrooke/QC; Sudbury/ON; Moncton/NB"),
	},
}
