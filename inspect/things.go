package inspect

// thingWords are the names of what shops and machines number: parcels, goods,
// orders, requests, contents. Their numbers have the lengths of cards and phones,
// and are neither.
var thingWords = map[string]meaning{
	"waybill": mOpaque, "waybill_number": mOpaque, "air_waybill": mOpaque, "awb": mOpaque, "awb_number": mOpaque, "parcel_number": mOpaque, "parcel_no": mOpaque,
	"consignment": mOpaque, "consignment_number": mOpaque, "consignment_no": mOpaque, "shipment_number": mOpaque, "shipment_no": mOpaque, "shipping_number": mOpaque,
	"tracking_code": mOpaque, "tracking_id": mOpaque, "tracking_ref": mOpaque, "track_and_trace": mOpaque, "track_number": mOpaque, "barcode_number": mOpaque,
	"sendungsnummer": mOpaque, "paketnummer": mOpaque, "sendungs_nummer": mOpaque, "numero_de_suivi": mOpaque, "numéro_de_suivi": mOpaque, "numero_suivi": mOpaque,
	"numero_de_seguimiento": mOpaque, "número_de_seguimiento": mOpaque, "codigo_de_rastreio": mOpaque, "código_de_rastreio": mOpaque, "rastreio": mOpaque,
	"numero_di_spedizione": mOpaque, "codice_di_tracciamento": mOpaque, "trackcode": mOpaque, "zendingsnummer": mOpaque, "numer_przesyłki": mOpaque,
	"追跡番号": mOpaque, "运单号": mOpaque, "快递单号": mOpaque, "운송장번호": mOpaque, "お問い合わせ番号": mOpaque,
	"article_no": mOpaque, "artikelnummer": mOpaque, "item_number": mOpaque, "item_no": mOpaque, "product_code": mOpaque, "product_number": mOpaque, "part_no": mOpaque,
	"model_number": mOpaque, "stock_code": mOpaque, "lot_number": mOpaque, "batch_number": mOpaque, "isrc": mOpaque, "eidr": mOpaque, "upc_code": mOpaque, "ean_code": mOpaque,
	"order_code": mOpaque, "booking_number": mOpaque, "booking_reference": mOpaque, "confirmation_number": mOpaque, "confirmation_code": mOpaque, "receipt_number": mOpaque,
	"transaction_number": mOpaque, "ticket_number": mOpaque, "case_number": mOpaque, "quote_number": mOpaque, "return_number": mOpaque, "rma_number": mOpaque,
	"commit_sha": mOpaque, "git_sha": mOpaque, "head_sha": mOpaque, "sha_512": mOpaque, "crc": mOpaque, "crc_32": mOpaque, "traceparent": mOpaque, "correlation_id": mOpaque,
	"trace": mOpaque, "span": mOpaque, "x_request_id": mOpaque, "transaction_id": mOpaque, "idempotency_key": mOpaque,
}

// parcel reports how many of the runs are a parcel's number as the post of the United
// States writes it, in groups of four, of which four together may look like a card:
// 20 or 22 digits that begin with 9, checked by weights of 3 and 1 (USPS Publication
// 199). 0: none.
func parcel(t []byte, runs []run) int {
	if t[runs[0].a] != '9' || runs[0].len() != 4 || len(runs) < 5 {
		return 0
	}
	n, sum, total := 0, 0, 0
	for _, r := range runs[:min(len(runs), 6)] {
		if n > 0 && (r.sep != runs[1].sep || runs[n-1].len() != 4) {
			break
		}
		total += r.len()
		n++
	}
	if total != 20 && total != 22 {
		return 0
	}
	i := 0
	for _, r := range runs[:n] {
		for _, c := range t[r.a:r.b] {
			d := int(c - '0')
			if (total-i)%2 == 0 {
				d *= 3
			}
			sum += d
			i++
		}
	}
	if sum%10 != 0 {
		return 0
	}
	return n
}
