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
#define ANCHOR (3328+64*25)
#define SHUT (3328+64*25+256)

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
	VMOVDQU (CARRY+64*i)(DI), Y15; \
	VMOVDQU p, (CARRY+64*i)(DI); \
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

// BEFORE8 gives in p the words that come before those of x: the last of what had been
// kept in slot i, and the first seven of x. It keeps x.
#define BEFORE8(x, i, p) \
	VALIGNQ $7, (CARRY+64*i)(DI), x, p; \
	VMOVDQU64 x, (CARRY+64*i)(DI)

// BACK8 gives in to the bits of x moved up by n, with those of p that move in.
#define BACK8(x, p, n, to) VPSHLDQ $n, p, x, to

#define XORUP8(n) \
	VPSLLQ $n, Z0, Z1; \
	VPXORQ Z1, Z0, Z0

// func siftWide(s *sheet, n int)
//
// What gate and siftAny do, for the words of eight blocks at a time.
TEXT ·siftWide(SB), NOSPLIT, $0-16
	MOVQ s+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ DI, SI // the words of this round

sift:
	VMOVDQU64 DIGIT(SI), Z0 // d
	BEFORE8(Z0, 0, Z1)     // pd
	BACK8(Z0, Z1, 1, Z2)   // d1
	BACK8(Z0, Z1, 2, Z3)   // d2
	VPANDQ Z0, Z2, Z2      // d & d1
	VPANDQ Z2, Z3, Z4      // run3
	BEFORE8(Z4, 1, Z5)
	BACK8(Z4, Z5, 3, Z6)
	VPANDQ Z4, Z6, Z4 // run6
	BEFORE8(Z4, 2, Z5)
	BACK8(Z4, Z5, 6, Z6)
	VPANDQ Z4, Z6, Z6
	BACK8(Z0, Z1, 12, Z7)
	VPANDQ Z6, Z7, Z6
	VMOVDQU64 Z6, BARE(SI)
	BACK8(Z0, Z1, 3, Z7) // d3

	VMOVDQU64 LOW(SI), Z5
	BEFORE8(Z5, 3, Z6)
	BACK8(Z5, Z6, 2, Z8)
	VPANDQ Z8, Z7, Z7
	VPORQ Z3, Z7, Z7
	BACK8(Z5, Z6, 1, Z8)
	VPANDQ Z8, Z7, Z7
	VPANDQ Z0, Z7, Z5 // joint
	VMOVDQU64 LOW(SI), Z9
	VPORQ Z0, Z9, Z9 // w
	BEFORE8(Z9, 21, Z10)
	BACK8(Z9, Z10, 1, Z11)
	VPANDQ Z9, Z11, Z10 // w2
	BEFORE8(Z10, 22, Z11)
	BACK8(Z10, Z11, 2, Z12)
	VPANDQ Z10, Z12, Z11 // w4
	BEFORE8(Z5, 4, Z6)
	BACK8(Z5, Z6, 1, Z7)
	VPANDQ Z9, Z7, Z7
	VPORQ Z5, Z7, Z7 // j2
	BEFORE8(Z7, 5, Z6)
	BACK8(Z7, Z6, 2, Z8)
	VPANDQ Z10, Z8, Z8
	BACK8(Z7, Z6, 4, Z9)
	VPANDQ Z11, Z9, Z9
	VPORQ Z8, Z7, Z7
	VPORQ Z9, Z7, Z7 // j6
	BEFORE8(Z7, 6, Z6)
	BACK8(Z7, Z6, 2, Z8)
	VPANDQ Z5, Z8, Z5
	VPANDQ Z10, Z5, Z5 // pair
	VPORQ Z5, Z4, Z4   // run6 | pair

	VMOVDQU64 COLON(SI), Z5 // c
	BEFORE8(Z5, 7, Z6)     // pc
	BACK8(Z5, Z6, 1, Z7)
	VPANDQ Z5, Z7, Z8
	VPORQ Z8, Z4, Z4 // double
	VPORQ Z5, Z7, Z7 // c2
	BEFORE8(Z7, 8, Z9)
	BACK8(Z7, Z9, 2, Z8)
	VPORQ Z8, Z7, Z7
	BACK8(Z5, Z6, 4, Z8)
	VPORQ Z8, Z7, Z7 // c5
	BEFORE8(Z7, 9, Z6)
	BACK8(Z7, Z6, 1, Z8)
	VPANDQ Z8, Z5, Z5 // second
	BEFORE8(Z5, 10, Z6)
	BACK8(Z5, Z6, 1, Z7)
	VPORQ Z5, Z7, Z7 // s2
	BEFORE8(Z7, 11, Z9)
	BACK8(Z7, Z9, 2, Z8)
	VPORQ Z8, Z7, Z7
	BACK8(Z5, Z6, 4, Z8)
	VPORQ Z8, Z7, Z7 // s5
	BEFORE8(Z7, 12, Z6)
	BACK8(Z7, Z6, 1, Z8)
	VPANDQ Z8, Z5, Z5
	VPORQ Z5, Z4, Z4 // third

	VMOVDQU64 ALNUM(SI), Z5 // a
	VPANDNQ Z5, Z0, Z6     // l
	BEFORE8(Z6, 13, Z7)
	BACK8(Z6, Z7, 1, Z8)
	VPANDQ Z6, Z8, Z8 // l2
	BEFORE8(Z8, 14, Z9)
	BACK8(Z8, Z9, 2, Z10)
	VPANDQ Z8, Z10, Z8
	BACK8(Z6, Z7, 4, Z10)
	VPANDQ Z8, Z10, Z8 // l5
	BEFORE8(Z8, 15, Z9)
	BACK8(Z8, Z9, 2, Z10)
	VPANDQ Z2, Z10, Z10
	VPORQ Z10, Z4, Z4 // mixed
	VMOVDQU64 Z4, TRIG(SI)

	BEFORE8(Z5, 16, Z6)
	BACK8(Z5, Z6, 1, Z7)
	VPANDQ Z7, Z5, Z5
	BEFORE8(Z5, 17, Z6)
	BACK8(Z5, Z6, 2, Z7)
	VPANDQ Z7, Z5, Z5
	BEFORE8(Z5, 18, Z6)
	BACK8(Z5, Z6, 4, Z7)
	VPANDQ Z7, Z5, Z5
	BEFORE8(Z5, 19, Z6)
	BACK8(Z5, Z6, 8, Z7)
	VPANDQ Z7, Z5, Z5
	BEFORE8(Z5, 20, Z6)
	BACK8(Z5, Z6, 1, Z7)
	VPANDNQ Z5, Z7, Z5
	VMOVDQU64 Z5, TOKEN(SI)

	VMOVDQU64 QUOTE(SI), Z0
	XORUP8(1)
	XORUP8(2)
	XORUP8(4)
	XORUP8(8)
	XORUP8(16)
	XORUP8(32)
	VMOVDQU64 Z0, PARITY(SI)

	VMOVDQU64 SLASH(SI), Z0
	BEFORE8(Z0, 23, Z1)
	BACK8(Z0, Z1, 1, Z1)
	VMOVDQU64 ALNUM(SI), Z0
	VPANDNQ Z0, Z1, Z0 // letters and digits, but those of escapes
	BEFORE8(Z0, 24, Z1)
	BACK8(Z0, Z1, 1, Z1)
	VMOVDQU64 SHUT(SI), Z0
	VPANDNQ Z0, Z1, Z0
	VPORQ ANCHOR(SI), Z0, Z0
	VMOVDQU64 Z0, ANCHOR(SI)

	ADDQ $64, SI
	SUBQ $8, CX
	JG sift
	VZEROUPPER
	RET

// Turning eight bytes around in each word.
DATA turn<>+0(SB)/8, $0x0001020304050607
DATA turn<>+8(SB)/8, $0x08090a0b0c0d0e0f
GLOBL turn<>(SB), RODATA|NOPTR, $16

// Eight bytes of which each has one bit more.
DATA unit<>+0(SB)/8, $0x8040201008040201
GLOBL unit<>(SB), RODATA|NOPTR, $8

// The first byte of each word, then the second of each.
DATA gather<>+0(SB)/8, $0x3830282018100800
DATA gather<>+8(SB)/8, $0x3931292119110901
DATA gather<>+16(SB)/8, $0x3a322a221a120a02
DATA gather<>+24(SB)/8, $0x3b332b231b130b03
DATA gather<>+32(SB)/8, $0x3c342c241c140c04
DATA gather<>+40(SB)/8, $0x3d352d251d150d05
DATA gather<>+48(SB)/8, $0x3e362e261e160e06
DATA gather<>+56(SB)/8, $0x3f372f271f170f07
GLOBL gather<>(SB), RODATA|NOPTR, $64

// KINDS gives in z the words of the eight kinds of the block at off(SI): each byte is
// looked up, and the matrix of 64 times 8 bits turned.
#define KINDS(off, z) \
	VMOVDQU64 off(SI), z; \
	VPMOVB2M z, K1; \
	KMOVQ K1, (HIGH+off/8)(DI); \
	KNOTQ K1, K1; \
	VPERMI2B.Z Z17, Z16, K1, z; \
	VPSHUFB Z18, z, z; \
	VGF2P8AFFINEQB $0, z, Z19, z; \
	VPERMB z, Z20, z

// func classifyWide(b *byte, s *sheet, k, n int, kinds *[128]uint8)
//
// Marks eight blocks at a time. n is a multiple of eight.
TEXT ·classifyWide(SB), NOSPLIT, $0-40
	MOVQ b+0(FP), SI
	MOVQ s+8(FP), DI
	MOVQ k+16(FP), R9
	MOVQ n+24(FP), CX
	MOVQ kinds+32(FP), DX
	LEAQ (DI)(R9*8), DI
	VMOVDQU64 (DX), Z16
	VMOVDQU64 64(DX), Z17
	VBROADCASTI64X2 turn<>(SB), Z18
	VPBROADCASTQ unit<>(SB), Z19
	VMOVDQU64 gather<>(SB), Z20

kinds:
	KINDS(0, Z0)
	KINDS(64, Z1)
	KINDS(128, Z2)
	KINDS(192, Z3)
	KINDS(256, Z4)
	KINDS(320, Z5)
	KINDS(384, Z6)
	KINDS(448, Z7)

	// Eight words of each of eight blocks become eight of each kind.
	VPUNPCKLQDQ Z1, Z0, Z8
	VPUNPCKHQDQ Z1, Z0, Z9
	VPUNPCKLQDQ Z3, Z2, Z10
	VPUNPCKHQDQ Z3, Z2, Z11
	VPUNPCKLQDQ Z5, Z4, Z12
	VPUNPCKHQDQ Z5, Z4, Z13
	VPUNPCKLQDQ Z7, Z6, Z14
	VPUNPCKHQDQ Z7, Z6, Z15
	VSHUFI64X2 $0x88, Z10, Z8, Z0
	VSHUFI64X2 $0xdd, Z10, Z8, Z1
	VSHUFI64X2 $0x88, Z14, Z12, Z2
	VSHUFI64X2 $0xdd, Z14, Z12, Z3
	VSHUFI64X2 $0x88, Z11, Z9, Z4
	VSHUFI64X2 $0xdd, Z11, Z9, Z5
	VSHUFI64X2 $0x88, Z15, Z13, Z6
	VSHUFI64X2 $0xdd, Z15, Z13, Z7
	VSHUFI64X2 $0x88, Z2, Z0, Z8
	VMOVDQU64 Z8, QUOTE(DI) // kind 0
	VSHUFI64X2 $0xdd, Z2, Z0, Z8
	VMOVDQU64 Z8, DIGIT(DI) // kind 4
	VSHUFI64X2 $0x88, Z3, Z1, Z8
	VMOVDQU64 Z8, COLON(DI) // kind 2
	VSHUFI64X2 $0xdd, Z3, Z1, Z8
	VMOVDQU64 Z8, SIGN(DI) // kind 6
	VSHUFI64X2 $0x88, Z6, Z4, Z8
	VMOVDQU64 Z8, SLASH(DI) // kind 1
	VSHUFI64X2 $0xdd, Z6, Z4, Z8
	VMOVDQU64 Z8, LOW(DI) // kind 5
	VSHUFI64X2 $0x88, Z7, Z5, Z8
	VMOVDQU64 Z8, BRACE(DI) // kind 3
	VSHUFI64X2 $0xdd, Z7, Z5, Z8
	VMOVDQU64 Z8, ALNUM(DI) // kind 7

	ADDQ $512, SI
	ADDQ $64, DI
	SUBQ $8, CX
	JG kinds
	VZEROUPPER
	RET

// func anchorWide(b *byte, s *sheet, k, n int, x *sifter)
//
// What anchorAny does: VPERMI2B looks each of 64 bytes up in a table of 128. A byte
// above those is looked up without its top bit, and such places left out at the end.
TEXT ·anchorWide(SB), NOSPLIT, $0-40
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
	VMOVDQU64 512(DX), Z24
	VMOVDQU64 576(DX), Z25
	VMOVDQU64 640(DX), Z26
	VMOVDQU64 704(DX), Z27
	VMOVDQU64 768(DX), Z28
	VMOVDQU64 832(DX), Z29
	VMOVDQU64 896(DX), Z30
	VMOVDQU64 960(DX), Z31

anchors:
	VMOVDQU64 (SI), Z0
	VMOVDQU64 1(SI), Z1
	VMOVDQU64 2(SI), Z2
	VMOVDQU64 3(SI), Z3
	VPORQ Z0, Z1, Z4
	VPORQ Z2, Z4, Z4
	VPMOVB2M Z4, K1
	VMOVDQA64 Z0, Z4
	VMOVDQA64 Z1, Z5
	VMOVDQA64 Z2, Z6
	VMOVDQA64 Z3, Z7
	VPERMI2B Z17, Z16, Z0
	VPERMI2B Z19, Z18, Z1
	VPERMI2B Z21, Z20, Z2
	VPERMI2B Z23, Z22, Z3
	VPERMI2B Z25, Z24, Z4
	VPERMI2B Z27, Z26, Z5
	VPERMI2B Z29, Z28, Z6
	VPERMI2B Z31, Z30, Z7
	VPANDQ Z0, Z1, Z0
	VPTERNLOGQ $0x80, Z2, Z3, Z0
	VPANDQ Z4, Z5, Z4
	VPTERNLOGQ $0x80, Z6, Z7, Z4
	VPTESTMB Z0, Z0, K2
	VPTESTMB Z4, Z4, K3
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

// PLACE writes the place of the lowest bit of AX, and takes that bit away.
#define PLACE(i) \
	TZCNTQ AX, BX; \
	ADDQ DX, BX; \
	MOVW BX, (2*i)(DI); \
	BLSRQ AX, AX

// func fillBMI(p *places, set *[batch]uint64, n int) int
TEXT ·fillBMI(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), DI
	MOVQ set+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ DI, R8
	XORQ DX, DX // where the block begins
	TESTQ CX, CX
	JLE filled

block:
	MOVQ (SI), AX
	POPCNTQ AX, R9
	TESTQ AX, AX
	JZ next

four:
	PLACE(0)
	PLACE(1)
	PLACE(2)
	PLACE(3)
	CMPQ R9, $4
	JLE few
	ADDQ $8, DI
	SUBQ $4, R9
	JMP four

few:
	LEAQ (DI)(R9*2), DI

next:
	ADDQ $8, SI
	ADDQ $64, DX
	DECQ CX
	JNZ block

filled:
	SUBQ R8, DI
	SHRQ $1, DI
	MOVQ DI, ret+24(FP)
	RET
