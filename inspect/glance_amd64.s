#include "textflag.h"

// The bytes that are compared with, and those that bring a range to the least signed
// bytes and end it there.
DATA digits<>+0(SB)/1, $0x30
GLOBL digits<>(SB), RODATA|NOPTR, $1
DATA ten<>+0(SB)/1, $0x0a
GLOBL ten<>(SB), RODATA|NOPTR, $1
DATA capitals<>+0(SB)/1, $0x41
GLOBL capitals<>(SB), RODATA|NOPTR, $1
DATA letters<>+0(SB)/1, $0x1a
GLOBL letters<>(SB), RODATA|NOPTR, $1
DATA small<>+0(SB)/1, $0x20
GLOBL small<>(SB), RODATA|NOPTR, $1
DATA smalls<>+0(SB)/1, $0x61
GLOBL smalls<>(SB), RODATA|NOPTR, $1
DATA star<>+0(SB)/1, $0x2a
GLOBL star<>(SB), RODATA|NOPTR, $1
DATA todigit<>+0(SB)/1, $0x50
GLOBL todigit<>(SB), RODATA|NOPTR, $1
DATA nodigit<>+0(SB)/1, $0x8a
GLOBL nodigit<>(SB), RODATA|NOPTR, $1
DATA toupper<>+0(SB)/1, $0x3f
GLOBL toupper<>(SB), RODATA|NOPTR, $1
DATA noupper<>+0(SB)/1, $0x9a
GLOBL noupper<>(SB), RODATA|NOPTR, $1
DATA toletter<>+0(SB)/1, $0x1f
GLOBL toletter<>(SB), RODATA|NOPTR, $1

// The separators of numbers by their last four bits; where there is none, a byte
// with others.
DATA separators<>+0(SB)/8, $0x0000000000000020
DATA separators<>+8(SB)/8, $0x2f2e2d0000002928
GLOBL separators<>(SB), RODATA|NOPTR, $16

// Offsets in a glance.
#define DIGIT 0
#define ALNUM 16
#define UPPER 32
#define SEP 48
#define STOP 64

// MARK512 marks the bytes of Z, whose words are at so many bytes.
#define MARK512(Z, word) \
	VPSUBB Z31, Z, Z2; \
	VPORQ Z30, Z, Z3; \
	VPSUBB Z29, Z3, Z3; \
	VPSUBB Z28, Z, Z4; \
	VPSHUFB Z, Z27, Z5; \
	VPCMPUB $1, Z26, Z2, K1; \
	VPCMPUB $1, Z25, Z3, K2; \
	VPCMPUB $1, Z25, Z4, K3; \
	VPCMPEQB Z, Z5, K4; \
	VPCMPEQB Z, Z26, K5; \
	VPCMPEQB Z, Z24, K6; \
	VPMOVB2M Z, K7; \
	KORQ K1, K2, K2; \
	KORQ K5, K6, K6; \
	KORQ K6, K7, K7; \
	KMOVQ K1, (DIGIT+word)(DI); \
	KMOVQ K2, (ALNUM+word)(DI); \
	KMOVQ K3, (UPPER+word)(DI); \
	KMOVQ K4, (SEP+word)(DI); \
	KMOVQ K7, (STOP+word)(DI)

// func glanceAVX512(b *surroundings, s *glance)
//
// A range is what is below its length after its first byte has been taken away. A
// separator is what a table holds at its last four bits. The byte ten is the end of
// a line too.
TEXT ·glanceAVX512(SB), NOSPLIT, $0-16
	MOVQ b+0(FP), SI
	MOVQ s+8(FP), DI
	VPBROADCASTB digits<>(SB), Z31
	VPBROADCASTB small<>(SB), Z30
	VPBROADCASTB smalls<>(SB), Z29
	VPBROADCASTB capitals<>(SB), Z28
	VBROADCASTI32X4 separators<>(SB), Z27
	VPBROADCASTB ten<>(SB), Z26
	VPBROADCASTB letters<>(SB), Z25
	VPBROADCASTB star<>(SB), Z24
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	MARK512(Z0, 0)
	MARK512(Z1, 8)
	VZEROUPPER
	RET

// HALF writes the top bits of the bytes of Y to a half of a word.
#define HALF(Y, to, half) \
	VPMOVMSKB Y, AX; \
	MOVL AX, (to+half)(DI)

// MARK2 marks 32 bytes, whose half words are at so many bytes.
#define MARK2(half) \
	VMOVDQU (8*half)(SI), Y0; \
	VPADDB Y0, Y15, Y1; \
	VPCMPGTB Y1, Y14, Y1; \
	HALF(Y1, DIGIT, half); \
	VPOR Y0, Y13, Y2; \
	VPADDB Y2, Y12, Y2; \
	VPCMPGTB Y2, Y11, Y2; \
	VPOR Y1, Y2, Y2; \
	HALF(Y2, ALNUM, half); \
	VPADDB Y0, Y10, Y3; \
	VPCMPGTB Y3, Y11, Y3; \
	HALF(Y3, UPPER, half); \
	VPSHUFB Y0, Y9, Y4; \
	VPCMPEQB Y0, Y4, Y4; \
	HALF(Y4, SEP, half); \
	VPCMPEQB Y0, Y8, Y5; \
	VPCMPEQB Y0, Y7, Y6; \
	VPOR Y5, Y6, Y6; \
	VPOR Y0, Y6, Y6; \
	HALF(Y6, STOP, half)

// func glanceAVX2(b *surroundings, s *glance)
//
// A range, moved to where signed bytes begin, is what is below its end there.
TEXT ·glanceAVX2(SB), NOSPLIT, $0-16
	MOVQ b+0(FP), SI
	MOVQ s+8(FP), DI
	VPBROADCASTB todigit<>(SB), Y15
	VPBROADCASTB nodigit<>(SB), Y14
	VPBROADCASTB small<>(SB), Y13
	VPBROADCASTB toletter<>(SB), Y12
	VPBROADCASTB noupper<>(SB), Y11
	VPBROADCASTB toupper<>(SB), Y10
	VBROADCASTI128 separators<>(SB), Y9
	VPBROADCASTB ten<>(SB), Y8
	VPBROADCASTB star<>(SB), Y7
	MARK2(0)
	MARK2(4)
	MARK2(8)
	MARK2(12)
	VZEROUPPER
	RET
