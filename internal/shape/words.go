package shape

import "strings"

// words are what APIs call kinds of things, in the singular and lower case. No given
// name and no surname of any commonness is among them, though some are words, too.
var words = func() map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq(`
about accept access account achievement act action active activity ad add added address admin agent aggregate agreement album alert alias all allowed amount analytics
answer api app application approval approved archive area array article asset assigned at attachment attempt attribute audio audit auth author authorization availability
available avatar average backup badge balance bank banner barcode base basket batch begin benefit billing bin bio birth birthday birthdate block blocked body bonus
book booking born both brand browse browser bucket budget bundle business by cache calendar call campaign cancel canceled cancelled capacity card carrier cart catalog
catalogue category census change channel chapter charge chat check checkout child children city claim class clean click client clip close closed code collection color
comment commerce commission common community company complete completed config configuration confirm confirmation confirmed connection consent contact contacts container
content context contract conversation cookie copy cost count counter country county coupon created creator credential credit criteria csv currency current cursor custom
customer cvc cvv daily dashboard data database date datetime day dead deadline debit debug decline default delete deleted deliver delivery department deposit description
destination detail details device digit direct direction directory disabled discount dispute distance district dob document domain done download draft duration
edit element email employee enabled encoding end ended endpoint entity entry environment episode error errors estimate event exception exchange expire expired expires expiry
export extension external extra failed failure family fax feature fee feed feedback field file filename filter find fingerprint first flag folder follow followed follower following
footer form format forward found fraud free from full fulfilment fulfillment function gallery game gateway gdpr gender genre geo get gift given global grade graph gross group
guest guid handle handler hash head header health height help hidden high history hobby hold holder home host hour house household html http https iban icon id
identifier identity idp image imei import in inbox include included index info information input insight install instance insurance integration internal
inventory invite invitation invoice ip is iso issue issued issuer item items job join joined json key keyword kind kyc label language last lat latest latitude layout lead ledger
legal length level licence license like limit line link list listing live lng load loan local locale location locked log login logout logo lon longitude
loyalty mac mail mailing main maintenance manage management manager manifest map market marketing mask masked master match max me measure media medical medium member
membership memo menu merchant message meta metadata meter method metric middle migration min minute mobile mode model modified module moderation money month more movie msisdn
music my name national nationality net network new newsletter next nick nickname node none note notes notice notification number object of off offer office offset old on one online only
open opened operation operator opt option or order organisation organization origin original other otp out output owner own owned package page paid parameter parent
part partial partner party passcode passenger passport password patch path patient pattern pause pay payee payer payload payment payout paypal pending people per percent percentage performance period
permission person personal phone photo picture pin place plain plan platform play playback player playlist plugin point policy poll port portal position post postal postcode
preference preferred prefix premium preview previous price primary print priority privacy private process processed product profile program progress promo promotion property
provider province public publish published publisher purchase purpose push put quality quantity query question queue quota quote rank rate rating raw reaction read reason
recent recipient recommendation recommended record records recovery redirect reference referral refresh refund region register registered registration reject related relation release
reminder remote remove renewal reply report repost request requested required reservation reset resource response rest result results resume retention return returned review revision
reward risk role root route row rows rule sale sample save saved scan schedule schema scope score screen script search season seat second secret section secure security segment
select self sell seller send sender sent sequence serial series server service session set setting sex share shared shipment shipping shop short show sign signature signed signup site
size sku slot slug social software sort source space span spec specification spend sponsor ssn staff stage stamp standard star start started state statement station statistic stats
status step stock stop storage store stored story stream streaming street string style sub subject subscriber subscription subtitle subtotal success suffix suggestion sum summary supplier support survey
suspended sync system table tag target task tax team telephone template tenant term terminal test text theme thread threshold thumbnail ticket time timeline timestamp timezone tip
title to today token tool top topic total town trace track tracking trailer train transaction transfer translation transport trial trip true trust type uid unit
unread until update updated upload uri url usage use used user username uuid valid validation value variant variation vat vault vehicle vendor verification verified verify version
via video view viewed viewer viewing visibility visible visit visitor voice volume voucher wallet warehouse watch watched watching watchlist way web webhook website week weight welcome width window wish
wishlist with withdrawal word work worker workspace write xml year yearly zip zone
`) {
		all[w] = true
	}
	return all
}()
