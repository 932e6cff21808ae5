package inspect

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMeans(t *testing.T) {
	for key, want := range map[string]meaning{
		"email": mEmail, "customerEmail": mEmail, "E-Mail": mEmail, "EMAIL_ADDRESS": mEmail, "email_2": mEmail, "userEMail": mEmail,
		"email_verified": mNone, "emails_sent": mNone, "mailbox": mNone,
		"phoneNumber": mPhone, "phone_type": mNone, "telephoneNumber": mPhone, "headphones": mNone, "microphone": mNone,
		"ip": mIP, "clientIP": mIP, "ip_address": mIP, "address": mAddress, "shippingAddressLine1": mStreet, "addressLine2": mLine, "line1": mStreet,
		"tip": mNone, "zip": mPostcode, "ZIPCode": mPostcode,
		"name": mNameWeak, "customer_name": mName, "userFirstName": mName, "productName": mNone, "filename": mNone, "username": mNone, "user_name": mNone,
		"order_id": mOrderID, "orderID": mOrderID, "title_id": mTitleID, "customer_id": mNone, "repository_id": mOpaque, "id": mID,
		"positionS": mWatched, "position": mNone, "dateOfBirth": mBirth, "dob": mBirth, "url": mPage, "avatar_url": mNone,
		"": mNone, "___": mNone, "123": mNone, strings.Repeat("x", maxKey) + "_email": mNone, "氏名": mName, "téléphone": mPhone, "Straße": mStreet,
	} {
		if got := means([]byte(key)); got != want {
			t.Errorf("%s: got %d, want %d", key, got, want)
		}
	}
}

// TestMeaningsAgree proves that what is remembered of keys, and the look at their
// last letters, changes nothing.
func TestMeaningsAgree(t *testing.T) {
	var words []string
	for p := range phrases {
		words = append(words, p)
	}
	c := newMeanings(128)
	check := func(t interface{ Fatalf(string, ...any) }, key string) {
		for _, after := range []string{"", strings.Repeat(`":"x`, 20)} {
			body := []byte(`{"` + key + after)
			for range 2 {
				if got, want := c.of(body, 2, 2+len(key), look), means([]byte(key)); got != want {
					t.Fatalf("%q: got %d, want %d", key, got, want)
				}
			}
		}
	}
	for _, w := range words {
		for _, key := range []string{w, strings.ReplaceAll(w, "_", "-"), strings.ToUpper(w), "my_" + w, "my" + strings.ToUpper(w[:1]) + w[1:], w + "_2", w + "s", strings.ReplaceAll(w, "_", "")} {
			check(t, key)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		sep := rapid.SampledFrom([]string{"_", "-", " ", "", "2"})
		key := ""
		for range rapid.IntRange(1, 4).Draw(t, "words") {
			w := rapid.OneOf(rapid.SampledFrom(words), rapid.String()).Draw(t, "word")
			if rapid.Bool().Draw(t, "title") && w != "" {
				w = strings.ToUpper(w[:1]) + w[1:]
			}
			key += w + sep.Draw(t, "sep")
		}
		check(t, key)
	})
}
