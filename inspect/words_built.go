package inspect

import "strings"

// expanded gives the phrases that a pattern stands for: {a,b} is a or b, and nothing
// between two commas, or before the first, leaves the word out.
func expanded(pattern string) []string {
	open := strings.IndexByte(pattern, '{')
	if open < 0 {
		return []string{strings.Trim(strings.ReplaceAll(pattern, "__", "_"), "_")}
	}
	shut := open + strings.IndexByte(pattern[open:], '}')
	var all []string
	for _, word := range strings.Split(pattern[open+1:shut], ",") {
		all = append(all, expanded(pattern[:open]+word+pattern[shut+1:])...)
	}
	return all
}

// builtWords are the names that are made by putting two words together, each of which
// has others that say the same.
var builtWords = func() map[string]meaning {
	const (
		when   = "{at,on,time,timestamp,ts,date,datetime,date_time,ms,epoch,utc}"
		ids    = "{id,uid,uuid,guid,ref,key,identifier,number,no,num,nr}"
		howFar = "{ms,s,sec,secs,seconds,minutes,min,percent,percentage,pct,position,progress,offset}"
		player = "{widevine,playready,fairplay,drm,player,roku,fire_tv,apple_tv,chromecast,stb,smart_tv,tv,set_top_box,cast}"
		gift   = "{gift,egift,e_gift,giftcard,gift_card,egift_card,e_gift_card,gift_voucher,gift_certificate,voucher,prepaid_card,store_credit,gift_coupon}"
		card   = "{card,cc,credit_card,debit_card,payment_card,bank_card}"
	)
	all := map[string]meaning{}
	for _, b := range [...]struct {
		m        meaning
		patterns string
	}{
		// What was watched, looked at and searched for.
		{mWatched, "{watched,watch,played,play,playback,viewed,viewing,streamed,stream,listened,resumed}_{last_,}" + when + " last_{watched,played,viewed,streamed,listened,playback} {watched,watch,playback,play,playhead,resume,resume_position,play_position,playback_position,watch_position,bookmark,stop_position}_" + howFar +
			" {resume_position,playhead_position,playhead,play_position,watch_position,stop_position,stopped_at_ms,completion_{percent,percentage,rate}} {seconds,minutes,percent}_{watched,played,viewed,streamed}"},
		{mTitleID, "{title,content,video,episode,movie,film,show,series,season,asset,media,program,programme,track,song,clip,channel_programme,playable}_{id,uid,uuid,guid,ref,key,identifier}"},
		{mHistory, "{watch,watched,watching,viewing,view,viewed,play,played,playback,streaming,stream,listening,media}_{history,log,activity,sessions} {watched,viewed,played,streamed}_{titles,items,videos,movies,films,episodes,shows,content} recently_{watched,played,streamed} continue_{watching,playing}"},
		{mVisited, "{visit,visited,visited_page,page_visit,page_visited,page_view,page_viewed,pageview,viewed_page,page_opened,opened_page,click,clicked,browsed,landed,landing,navigated,page_hit,hit}_{last_,}" + when + " last_{visit,visited,page_view,click}"},
		{mPage, "{page,landing_page,visited_page,viewed_page,document,visited,current_page,entry_page,exit_page,target_page}_{url,uri,path,location,href,link,title,address}"},
		{mPages, "{browsing,browse,browser,navigation,click,page_view,pageview,visit}_{history,log,activity,trail} {visited,viewed}_{pages,products,urls} recently_viewed"},
		{mSearched, "{search,searched,query,queried,lookup}_{last_,made_,run_,performed_,executed_,}" + when + " last_{search,searched,queried}"},
		{mQuery, "{search,query,searched}_{string,text,term,terms,word,words,phrase,keyword,keywords,input,query,for} {keyword,keywords,search,query,q}"},
		{mQueries, "{search,query}_{history,log,activity} {recent,past,last,previous,saved}_{searches,queries}"},
		// Orders.
		{mOrderID, "{order,sales_order,web_order,customer_order,purchase_order,shop_order,online_order,order_increment}_{id,uid,uuid,guid,ref,reference,key,number,no,num,nr,code,name}"},
		{mTotal, "{order,grand,sub,basket,cart,invoice,}_total_{amount,price,paid,due,gross,net,value,sum,cost,charged,} {order,amount,sum,net,gross,cart,basket,invoice}_{total,amount,sum,value}"},
		{mHolder, "{recipient,receiver,addressee,consignee,payee,beneficiary,deliver_to,delivered_to,ship_to,send_to,cardholder,card_holder,card_owner,account_holder,account_owner}_{full,}name {receiver,card_owner,account_owner}"},
		{mName, "{primer,primera,segundo,primo,secondo,primeiro,último,ultimo,premier,deuxième,pierwsze,drugie,erster,zweiter}_{nombre,nome,nom,prénom,prenom,imię,imie,apellido,cognome,nazwisko,sobrenome,vorname} {nom,nombre,nome}_{usuel,d_usage,usage,de_naissance,de_famille,de_familia,di_famiglia,di_battesimo,próprio,propio,civil,de_nacimiento,de_soltera,de_pila,legal} " +
			"{prénoms,prenoms,vornamen,nachnamen,voornamen,roepnaam,geslachtsnaam,meisjesnaam,apelidos,cognomi,imiona,nombres,tilltalsnamn,mellannamn,mellomnavn,mellemnavn,fulde_navn,fullt_navn,fullständigt_namn,koko_nimi,nume_complet,numele,全名,フルネーム,漢字氏名,氏名カナ,フリガナ,ふりがな}"},
		{mName, "{first,last,given,family,middle,maiden,birth,legal,full,second_last,nick}_{name,names} name_{first,last,given,family,middle,full,complete,legal} {complete,formatted}_name"},
		// Places.
		{mCity, "{city,town,village,suburb,municipality,settlement,borough,post_town,post_city,postal_city}_{name,} {municipalité,ayuntamiento,concelho,freguesia,gmina,tätort,stad,kommune,kunta,kaupunki,postitoimipaikka,oras,oraș,localitate,miejscowosc,lugar_de_residencia}"},
		{mLine, "{state,province,region,county,district,subdivision,prefecture,canton,territory,administrative_area}_{name,code,level_1,level_2,} {department_code,uf,departamento,comunidad_autónoma,regione,région,canton,provincie,powiat,län,fylke,maakunta,județ,judet,prefecture,cp,oblast} {extended,additional,supplementary,second,secondary}_address {second,third}_{line,address_line} {apartment,flat,unit,floor,building,suite,apt}_{number,no,num,name,}"},
		{mStreet, "{address,addr,street}_{line_,}{one,first} first_{line,address_line} {street,road,avenue}_{name,address,and_number,number,line} {thoroughfare,gata,strada,avenida,vejnavn,gatunamn,gateadresse,gatuadress}"},
		{mAddress, "{correspondence,permanent,current,residence,residential,registered,primary,ship_to,bill_to,deliver_to,invoice}_{address,addr} {residenza,domicile,morada,domicílio,osoite,adress,adressen,leveransadress,leveringsadresse,toimitusosoite,adresa,adresa_de_livrare,お届け先,送付先,現住所,거주지,자택,집주소}"},
		{mPostcode, "{post,zip,postal}_{code,number,nr,no} {postal,zip_5,zip_plus_4,postnr,postinumero,postnummer,postcode_zip,irányítószám,psč}"},
		// Of devices.
		{mDevice, "{device,client_device,user_device,registered_device,hardware,handset,terminal,installation,install,app_install}_{id,ids,uid,uuid,guid,identifier,serial,serial_number,fingerprint,udid} dev_{id,uuid}"},
		{mPlayer, player + "_{client,device,}_{id,uid,uuid,guid,identifier}"},
		{mPIN, "{parental,parents,parent,parental_control,family,kid,kids,child,children,adult,purchase,age,age_gate,maturity,profile,viewing,guardian,child_lock,profile_lock,family_lock,content_lock}_{lock_,gate_,control_,}{pin,pin_code,passcode} pin_for_{kids,children,parents,adults}"},
		{mLicence, "{manifest,playback,play,stream,streaming,license,licence,drm,hls,dash,video,media,content,source,cdn,vod,live}_{url,uri,link,src} {hls,dash}_{manifest,playlist} {licence,license,drm,drm_license,drm_licence,playback,playback_session,entitlement,stream,streaming,concurrency,cdn}_{token,jwt,ticket} drm_{licence,license}"},
		// Of shops.
		{mGiftNote, "{gift,present,gift_wrap,gift_card,greeting,greeting_card,gift_tag}_{note,message,msg,text,comment,greeting,words,dedication,inscription} {note,message}_to_{recipient,receiver} {card_message,personal_message,personal_note,gift_note_text}"},
		{mLoyalty, "{loyalty,rewards,reward,bonus,bonus_points,club,member,membership,frequent_flyer,miles,advantage,fidelity,shopper}_{card_,program_,programme_,account_,}{number,no,num,nr,id,card,code} {loyalty,rewards,bonus,membership}_account clubcard"},
		{mGiftCard, gift + "_{card_,}{number,no,num,nr,code,serial} {gift_card,giftcard,egift_card,e_gift_card,gift_voucher,gift_certificate,prepaid_card}"},
		{mGiftPIN, "{gift_card,giftcard,egift_card,gift_voucher}_{pin,pin_code,cvv,cvc,security_code,scratch_code}"},
		{mWish, "{wish,wished,wanted,favorite,favourite,favorites,favourites,saved,bookmarked,watch_later}_{list,lists,items,list_items,products} {gift,baby,wedding,bridal}_registry wishlist_{items,products} saved_for_later"},
		{mMessage, "{direct,private,dm,pm,chat,inbox,whisper,conversation,im}_{message,msg,text,body,content}_{text,body,content,} {private,direct}_chat"},
		{mMessages, "{direct,private,chat,inbox,conversation}_{messages,msgs} {dm,chat,message,conversation}_{history,thread,log} dms"},
		{mPayout, "{creator,seller,vendor,host,partner,affiliate,driver,}_{payout,payouts,disbursement,disbursements}"},
		{mPayoutID, "{payout,disbursement}_{id,uid,uuid,number,no,ref,reference,key,code}"},
		{mPayoutSum, "{payout,disbursement,royalty,earnings}_{amount,total,sum,net,gross}"},
		{mPayToken, "{payment,card,stored_card,saved_card,billing,vault,source,payment_method,payment_source,payment_instrument,network,psp,gateway,card_on_file,card_reference}_{token,nonce,token_id,token_ref,token_reference,token_value} {payment_method,payment_source,payment_instrument}_{id,uid,uuid,ref}"},
		{mProfile, "{profile,viewer,sub_profile,viewer_profile,household_profile,family_profile}_{name,title,nickname,id,avatar,label}"},
		{mKid, "{is_,}{kid,kids,child,children,childs}_{mode,profile,account,flag,only} {is_kid,is_kids,is_child,is_minor}"},
		// Cards.
		{mExpiry, card + "_{expiry,expires,expiration,exp,expire,valid,validity}_{date,on,until,thru,through,to,month_year,} {expiry,expiration,expires,exp}_{of_card,date_of_card}"},
		{mCard, card + "_{number,no,num,nr,pan} {cb,carte_bleue,pan_number_full}"},
		// Telephones and the like, in words that come before or after others.
		{mPhone, "{téléphonique,telefonico,telefónico,telefônico,telefoniczny,komórkowy,mobilfunk,móvil,cellular,cellphone,telefonszám,telefonní,puhelin,puhelinnumero,matkapuhelin,mobil,mobilnr,telefon_nr,fon,fone,puh,tlf,携帯,自宅電話,携帯電話番号,座机,移动电话,固定电话,휴대전화번호,집전화} {day,evening,night,daytime,emergency,home,work,office}_{telephone,tel} {daytime,emergency,home,work,office}_number ship_to_{phone,tel}"},
		{mGeo, "{user,customer,device,home,last,current,client,person,live,last_known,gps,geo,pickup,dropoff,delivery}_{location,position,point,coords,coordinates,latlng,latlon,lat_lng,lat_lon,lat_long}"},
		{mLatitude, "{gps,geo,user,home,device,last,current,start,end,pickup,dropoff,position,location}_{lat,latitude}"},
		{mLongitude, "{gps,geo,user,home,device,last,current,start,end,pickup,dropoff,position,location}_{lon,lng,long,longitude}"},
		{mVersion, "{release,chapter,section,clause,mib,oid} {runtime,driver,bios,client,server,kernel,library,package,schema}_version"},
		// Credentials.
		{mHash, "{password,passwd,passwort,pw,pwd,pass}_{hash,digest,hashed,crypt,bcrypt,argon_2,scrypt} {hashed,encrypted,crypted,crypt,salted}_{password,passwd,pw,pwd,pass}"},
		{mPassword, "{db,database,smtp,ftp,ssh,ldap,mysql,postgres,redis,root,admin,user,login,account,mail}_{pass,passwd,password,pw,pwd}"},
	} {
		for _, pattern := range strings.Fields(b.patterns) {
			for _, phrase := range expanded(pattern) {
				all[phrase] = b.m
			}
		}
	}
	return all
}()
