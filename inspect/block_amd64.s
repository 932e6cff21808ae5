#include "textflag.h"

// The bytes that are compared with.
DATA quote<>+0(SB)/8, $0x2222222222222222
GLOBL quote<>(SB), RODATA|NOPTR, $8
DATA slash<>+0(SB)/8, $0x5c5c5c5c5c5c5c5c
GLOBL slash<>(SB), RODATA|NOPTR, $8
DATA colon<>+0(SB)/8, $0x3a3a3a3a3a3a3a3a
GLOBL colon<>(SB), RODATA|NOPTR, $8
DATA fold<>+0(SB)/8, $0x2626262626262626
GLOBL fold<>(SB), RODATA|NOPTR, $8
DATA del<>+0(SB)/8, $0x7f7f7f7f7f7f7f7f
GLOBL del<>(SB), RODATA|NOPTR, $8
DATA todigit<>+0(SB)/8, $0x5050505050505050
GLOBL todigit<>(SB), RODATA|NOPTR, $8
DATA nodigit<>+0(SB)/8, $0x8a8a8a8a8a8a8a8a
GLOBL nodigit<>(SB), RODATA|NOPTR, $8
DATA zero<>+0(SB)/8, $0x3030303030303030
GLOBL zero<>(SB), RODATA|NOPTR, $8
DATA at<>+0(SB)/8, $0x4040404040404040
GLOBL at<>(SB), RODATA|NOPTR, $8
DATA percent<>+0(SB)/8, $0x2525252525252525
GLOBL percent<>(SB), RODATA|NOPTR, $8
DATA plus<>+0(SB)/8, $0x2b2b2b2b2b2b2b2b
GLOBL plus<>(SB), RODATA|NOPTR, $8
DATA query<>+0(SB)/8, $0x3f3f3f3f3f3f3f3f
GLOBL query<>(SB), RODATA|NOPTR, $8
DATA gated<>+0(SB)/8, $0x1f1f1f1f1f1f1f1f
GLOBL gated<>(SB), RODATA|NOPTR, $8
DATA open<>+0(SB)/8, $0xe0e0e0e0e0e0e0e0
GLOBL open<>(SB), RODATA|NOPTR, $8
DATA small<>+0(SB)/8, $0x2020202020202020
GLOBL small<>(SB), RODATA|NOPTR, $8
DATA toz<>+0(SB)/8, $0x0505050505050505
GLOBL toz<>(SB), RODATA|NOPTR, $8
DATA beforea<>+0(SB)/8, $0x6565656565656565
GLOBL beforea<>(SB), RODATA|NOPTR, $8
DATA ten<>+0(SB)/8, $0x0a0a0a0a0a0a0a0a
GLOBL ten<>(SB), RODATA|NOPTR, $8
DATA lettera<>+0(SB)/8, $0x6161616161616161
GLOBL lettera<>(SB), RODATA|NOPTR, $8
DATA letters<>+0(SB)/8, $0x1a1a1a1a1a1a1a1a
GLOBL letters<>(SB), RODATA|NOPTR, $8

// Offsets in a sheet.
#define QUOTE 0
#define SLASH 256
#define COLON 512
#define BRACE 768
#define DIGIT 1024
#define LOW 1280
#define SIGN 1536
#define HIGH 1792
#define ALNUM 2048
#define TRIG 2304
#define BARE 2560
#define TOKEN 2816
#define PARITY 3072
#define CARRY 3328
#define ANCHOR (3328+32*23)
#define SHUT (3328+32*23+256)

// GATHER writes the top bits of the bytes of a and b to a word of the sheet.
#define GATHER(a, b, to) \
	VPMOVMSKB a, AX; \
	VPMOVMSKB b, BX; \
	SHLQ $32, BX; \
	ORQ BX, AX; \
	MOVQ AX, to(DI)

// func classifyAVX2(b *byte, s *sheet, k, n int)
//
// Each block is two registers of 32 bytes (Y0, Y1). A comparison sets the bytes
// that are of a kind, and VPMOVMSKB gathers their top bits: the second half's move
// up by 32. Digits are those that, moved up by 0x50, are below 0x8a as signed
// bytes; low bytes are those below '0' and not negative; letters those that, in
// lower case and moved up so that z is the greatest, are above what comes before a.
TEXT ·classifyAVX2(SB), NOSPLIT, $0-32
	MOVQ b+0(FP), SI
	MOVQ s+8(FP), DI
	MOVQ k+16(FP), R9
	MOVQ n+24(FP), CX
	LEAQ (DI)(R9*8), DI
	VPBROADCASTB quote<>(SB), Y15
	VPBROADCASTB slash<>(SB), Y14
	VPBROADCASTB colon<>(SB), Y13
	VPBROADCASTB fold<>(SB), Y12
	VPBROADCASTB del<>(SB), Y11
	VPBROADCASTB todigit<>(SB), Y10
	VPBROADCASTB nodigit<>(SB), Y9
	VPBROADCASTB zero<>(SB), Y8
	VPBROADCASTB at<>(SB), Y7
	VPBROADCASTB percent<>(SB), Y6
	VPBROADCASTB plus<>(SB), Y5

loop:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1

	VPCMPEQB Y0, Y15, Y2
	VPCMPEQB Y1, Y15, Y3
	GATHER(Y2, Y3, QUOTE)

	VPCMPEQB Y0, Y14, Y2
	VPCMPEQB Y1, Y14, Y3
	GATHER(Y2, Y3, SLASH)

	VPCMPEQB Y0, Y13, Y2
	VPCMPEQB Y1, Y13, Y3
	GATHER(Y2, Y3, COLON)

	VPOR Y0, Y12, Y2
	VPOR Y1, Y12, Y3
	VPCMPEQB Y2, Y11, Y2
	VPCMPEQB Y3, Y11, Y3
	GATHER(Y2, Y3, BRACE)

	// digit
	VPADDB Y0, Y10, Y2
	VPADDB Y1, Y10, Y3
	VPCMPGTB Y2, Y9, Y2
	VPCMPGTB Y3, Y9, Y3
	GATHER(Y2, Y3, DIGIT)
	MOVQ AX, R10

	VPMOVMSKB Y0, R8
	VPMOVMSKB Y1, BX
	SHLQ $32, BX
	ORQ BX, R8
	MOVQ R8, HIGH(DI)

	// low
	VPCMPGTB Y0, Y8, Y2
	VPCMPGTB Y1, Y8, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, AX
	NOTQ R8
	ANDQ R8, AX
	MOVQ AX, LOW(DI)

	// sign
	VPCMPEQB Y0, Y7, Y2
	VPCMPEQB Y1, Y7, Y3
	VPCMPEQB Y0, Y6, Y4
	VPOR Y4, Y2, Y2
	VPCMPEQB Y1, Y6, Y4
	VPOR Y4, Y3, Y3
	VPCMPEQB Y0, Y5, Y4
	VPOR Y4, Y2, Y2
	VPCMPEQB Y1, Y5, Y4
	VPOR Y4, Y3, Y3
	VPBROADCASTB query<>(SB), Y4
	VPCMPEQB Y0, Y4, Y4
	VPOR Y4, Y2, Y2
	VPBROADCASTB query<>(SB), Y4
	VPCMPEQB Y1, Y4, Y4
	VPOR Y4, Y3, Y3
	GATHER(Y2, Y3, SIGN)

	// alnum
	VPBROADCASTB small<>(SB), Y4
	VPOR Y0, Y4, Y2
	VPOR Y1, Y4, Y3
	VPBROADCASTB toz<>(SB), Y4
	VPADDB Y2, Y4, Y2
	VPADDB Y3, Y4, Y3
	VPBROADCASTB beforea<>(SB), Y4
	VPCMPGTB Y4, Y2, Y2
	VPCMPGTB Y4, Y3, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, AX
	ORQ R10, AX
	MOVQ AX, ALNUM(DI)

	ADDQ $64, SI
	ADDQ $8, DI
	DECQ CX
	JNZ loop
	VZEROUPPER
	RET

// func classifyAVX512(b *byte, s *sheet, k, n int)
//
// As classifyAVX2, a block a register; a comparison gives the word as it is.
TEXT ·classifyAVX512(SB), NOSPLIT, $0-32
	MOVQ b+0(FP), SI
	MOVQ s+8(FP), DI
	MOVQ k+16(FP), R9
	MOVQ n+24(FP), CX
	LEAQ (DI)(R9*8), DI
	VPBROADCASTB quote<>(SB), Z31
	VPBROADCASTB slash<>(SB), Z30
	VPBROADCASTB colon<>(SB), Z29
	VPBROADCASTB fold<>(SB), Z28
	VPBROADCASTB del<>(SB), Z27
	VPBROADCASTB zero<>(SB), Z26
	VPBROADCASTB ten<>(SB), Z25
	VPBROADCASTB at<>(SB), Z24
	VPBROADCASTB percent<>(SB), Z23
	VPBROADCASTB plus<>(SB), Z22
	VPBROADCASTB small<>(SB), Z21
	VPBROADCASTB lettera<>(SB), Z20
	VPBROADCASTB letters<>(SB), Z19
	VPBROADCASTB query<>(SB), Z18

loop512:
	VMOVDQU64 (SI), Z0
	VPORQ Z0, Z28, Z1
	VPSUBB Z26, Z0, Z2
	VPORQ Z0, Z21, Z3
	VPSUBB Z20, Z3, Z3
	VPCMPEQB Z0, Z31, K1
	VPCMPEQB Z0, Z30, K2
	VPCMPEQB Z0, Z29, K3
	VPCMPEQB Z1, Z27, K4
	KMOVQ K1, QUOTE(DI)
	KMOVQ K2, SLASH(DI)
	KMOVQ K3, COLON(DI)
	KMOVQ K4, BRACE(DI)
	VPCMPUB $1, Z25, Z2, K1 // below 10
	VPCMPUB $1, Z26, Z0, K2 // below '0'
	VPMOVB2M Z0, K3
	VPCMPUB $1, Z19, Z3, K4 // below 26
	KORQ K1, K4, K4
	KMOVQ K1, DIGIT(DI)
	KMOVQ K2, LOW(DI)
	KMOVQ K3, HIGH(DI)
	KMOVQ K4, ALNUM(DI)
	VPCMPEQB Z0, Z24, K1
	VPCMPEQB Z0, Z23, K2
	VPCMPEQB Z0, Z22, K3
	KORQ K1, K2, K1
	KORQ K1, K3, K1
	VPCMPEQB Z0, Z18, K2
	KORQ K1, K2, K1
	KMOVQ K1, SIGN(DI)
	ADDQ $64, SI
	ADDQ $8, DI
	DECQ CX
	JNZ loop512
	VZEROUPPER
	RET

// BEFORE gives in p the words that come before those of x: what had been kept in
// slot i, and the first three of x. It keeps the last of x.
#define BEFORE(x, i, p) \
	VPERMQ $0x93, x, p; \
	VMOVDQU (CARRY+32*i)(DI), Y15; \
	VMOVDQU p, (CARRY+32*i)(DI); \
	VPBLENDD $3, Y15, p, p

// BACK gives in to the bits of x moved up by n, with those of p that move in.
#define BACK(x, p, n, to) \
	VPSLLQ $n, x, to; \
	VPSRLQ $(64-n), p, Y15; \
	VPOR Y15, to, to

#define XORUP(n) \
	VPSLLQ $n, Y0, Y1; \
	VPXOR Y1, Y0, Y0

// func siftAVX2(s *sheet, n int)
//
// Line by line what siftAny does, for the words of four blocks at a time.
TEXT ·siftAVX2(SB), NOSPLIT, $0-16
	MOVQ s+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ DI, SI // the words of this round

sift:
	VMOVDQU DIGIT(SI), Y0 // d
	BEFORE(Y0, 0, Y1)     // pd
	BACK(Y0, Y1, 1, Y2)   // d1
	BACK(Y0, Y1, 2, Y3)   // d2
	VPAND Y0, Y2, Y2      // d & d1
	VPAND Y2, Y3, Y4      // run3
	BEFORE(Y4, 1, Y5)
	BACK(Y4, Y5, 3, Y6)
	VPAND Y4, Y6, Y4 // run6
	BEFORE(Y4, 2, Y5)
	BACK(Y4, Y5, 6, Y6)
	VPAND Y4, Y6, Y6
	BACK(Y0, Y1, 12, Y7)
	VPAND Y6, Y7, Y6
	VMOVDQU Y6, BARE(SI)
	BACK(Y0, Y1, 3, Y7) // d3

	VMOVDQU LOW(SI), Y5
	BEFORE(Y5, 3, Y6)
	BACK(Y5, Y6, 2, Y8)
	VPAND Y8, Y7, Y7
	VPOR Y3, Y7, Y7
	BACK(Y5, Y6, 1, Y8)
	VPAND Y8, Y7, Y7
	VPAND Y0, Y7, Y5 // joint
	VMOVDQU LOW(SI), Y9
	VPOR Y0, Y9, Y9 // w
	BEFORE(Y9, 21, Y10)
	BACK(Y9, Y10, 1, Y11)
	VPAND Y9, Y11, Y10 // w2
	BEFORE(Y10, 22, Y11)
	BACK(Y10, Y11, 2, Y12)
	VPAND Y10, Y12, Y11 // w4
	BEFORE(Y5, 4, Y6)
	BACK(Y5, Y6, 1, Y7)
	VPAND Y9, Y7, Y7
	VPOR Y5, Y7, Y7 // j2
	BEFORE(Y7, 5, Y6)
	BACK(Y7, Y6, 2, Y8)
	VPAND Y10, Y8, Y8
	BACK(Y7, Y6, 4, Y9)
	VPAND Y11, Y9, Y9
	VPOR Y8, Y7, Y7
	VPOR Y9, Y7, Y7 // j6
	BEFORE(Y7, 6, Y6)
	BACK(Y7, Y6, 2, Y8)
	VPAND Y5, Y8, Y5
	VPAND Y10, Y5, Y5 // pair
	VPOR Y5, Y4, Y4   // run6 | pair

	VMOVDQU COLON(SI), Y5 // c
	BEFORE(Y5, 7, Y6)     // pc
	BACK(Y5, Y6, 1, Y7)
	VPAND Y5, Y7, Y8
	VPOR Y8, Y4, Y4 // double
	VPOR Y5, Y7, Y7 // c2
	BEFORE(Y7, 8, Y9)
	BACK(Y7, Y9, 2, Y8)
	VPOR Y8, Y7, Y7
	BACK(Y5, Y6, 4, Y8)
	VPOR Y8, Y7, Y7 // c5
	BEFORE(Y7, 9, Y6)
	BACK(Y7, Y6, 1, Y8)
	VPAND Y8, Y5, Y5 // second
	BEFORE(Y5, 10, Y6)
	BACK(Y5, Y6, 1, Y7)
	VPOR Y5, Y7, Y7 // s2
	BEFORE(Y7, 11, Y9)
	BACK(Y7, Y9, 2, Y8)
	VPOR Y8, Y7, Y7
	BACK(Y5, Y6, 4, Y8)
	VPOR Y8, Y7, Y7 // s5
	BEFORE(Y7, 12, Y6)
	BACK(Y7, Y6, 1, Y8)
	VPAND Y8, Y5, Y5
	VPOR Y5, Y4, Y4 // third

	VMOVDQU ALNUM(SI), Y5 // a
	VPANDN Y5, Y0, Y6     // l
	BEFORE(Y6, 13, Y7)
	BACK(Y6, Y7, 1, Y8)
	VPAND Y6, Y8, Y8 // l2
	BEFORE(Y8, 14, Y9)
	BACK(Y8, Y9, 2, Y10)
	VPAND Y8, Y10, Y8
	BACK(Y6, Y7, 4, Y10)
	VPAND Y8, Y10, Y8 // l5
	BEFORE(Y8, 15, Y9)
	BACK(Y8, Y9, 2, Y10)
	VPAND Y2, Y10, Y10
	VPOR Y10, Y4, Y4 // mixed
	VMOVDQU Y4, TRIG(SI)

	BEFORE(Y5, 16, Y6)
	BACK(Y5, Y6, 1, Y7)
	VPAND Y7, Y5, Y5
	BEFORE(Y5, 17, Y6)
	BACK(Y5, Y6, 2, Y7)
	VPAND Y7, Y5, Y5
	BEFORE(Y5, 18, Y6)
	BACK(Y5, Y6, 4, Y7)
	VPAND Y7, Y5, Y5
	BEFORE(Y5, 19, Y6)
	BACK(Y5, Y6, 8, Y7)
	VPAND Y7, Y5, Y5
	BEFORE(Y5, 20, Y6)
	BACK(Y5, Y6, 1, Y7)
	VPANDN Y5, Y7, Y5
	VMOVDQU Y5, TOKEN(SI)

	VMOVDQU QUOTE(SI), Y0
	XORUP(1)
	XORUP(2)
	XORUP(4)
	XORUP(8)
	XORUP(16)
	XORUP(32)
	VMOVDQU Y0, PARITY(SI)

	ADDQ $32, SI
	SUBQ $4, CX
	JG sift
	VZEROUPPER
	RET

// func anchorVBMI(b *byte, s *sheet, k, n int, x *sifter)
//
// What anchorAny does: VPERMI2B looks each of 64 bytes up in a table of 128. A byte
// above those is looked up without its top bit, and such places left out at the end.
TEXT ·anchorVBMI(SB), NOSPLIT, $0-40
	MOVQ b+0(FP), SI
	MOVQ s+8(FP), DI
	MOVQ k+16(FP), R9
	MOVQ n+24(FP), CX
	MOVQ x+32(FP), DX
	LEAQ (DI)(R9*8), DI
	VMOVDQU64 (DX), Z16
	VMOVDQU64 64(DX), Z17
	VMOVDQU64 128(DX), Z18
	VMOVDQU64 192(DX), Z19
	VMOVDQU64 256(DX), Z20
	VMOVDQU64 320(DX), Z21
	VMOVDQU64 384(DX), Z22
	VMOVDQU64 448(DX), Z23
	VPBROADCASTB gated<>(SB), Z24
	VPBROADCASTB open<>(SB), Z25

anchors:
	VMOVDQU64 (SI), Z0
	VMOVDQU64 1(SI), Z1
	VMOVDQU64 2(SI), Z2
	VMOVDQU64 3(SI), Z3
	VPORQ Z0, Z1, Z4
	VPORQ Z2, Z4, Z4
	VPERMI2B Z17, Z16, Z0
	VPERMI2B Z19, Z18, Z1
	VPERMI2B Z21, Z20, Z2
	VPERMI2B Z23, Z22, Z3
	VPANDQ Z0, Z1, Z0
	VPANDQ Z2, Z3, Z2
	VPANDQ Z0, Z2, Z0
	VPMOVB2M Z4, K1
	VPTESTMB Z24, Z0, K2
	VPTESTMB Z25, Z0, K3
	KANDNQ K2, K1, K2
	KANDNQ K3, K1, K3
	KMOVQ K2, SHUT(DI)
	KMOVQ K3, ANCHOR(DI)
	ADDQ $64, SI
	ADDQ $8, DI
	DECQ CX
	JNZ anchors
	VZEROUPPER
	RET
