using Iced.Intel;
using static Iced.Intel.Code;

namespace KernOpt.Tests.Optimize;

using Code = Iced.Intel.Code;

/// <summary>Random straight-line code of every instruction that has a transfer rule. Never touches memory or rsp, and never faults.</summary>
internal sealed class RandomInstructions(Random random)
{
    private static readonly Code[][] TwoRegisters =
    [
        [Add_rm8_r8, Add_rm16_r16, Add_rm32_r32, Add_rm64_r64], [Adc_rm8_r8, Adc_rm16_r16, Adc_rm32_r32, Adc_rm64_r64],
        [Sub_rm8_r8, Sub_rm16_r16, Sub_rm32_r32, Sub_rm64_r64], [Sbb_rm8_r8, Sbb_rm16_r16, Sbb_rm32_r32, Sbb_rm64_r64],
        [And_rm8_r8, And_rm16_r16, And_rm32_r32, And_rm64_r64], [Or_rm8_r8, Or_rm16_r16, Or_rm32_r32, Or_rm64_r64],
        [Xor_rm8_r8, Xor_rm16_r16, Xor_rm32_r32, Xor_rm64_r64], [Cmp_rm8_r8, Cmp_rm16_r16, Cmp_rm32_r32, Cmp_rm64_r64],
        [Test_rm8_r8, Test_rm16_r16, Test_rm32_r32, Test_rm64_r64], [Mov_r8_rm8, Mov_r16_rm16, Mov_r32_rm32, Mov_r64_rm64],
        [Xchg_rm8_r8, Xchg_rm16_r16, Xchg_rm32_r32, Xchg_rm64_r64],
    ];

    private static readonly Code[][] RegisterAndByte =
    [
        [Add_rm8_imm8, Add_rm16_imm8, Add_rm32_imm8, Add_rm64_imm8], [Sub_rm8_imm8, Sub_rm16_imm8, Sub_rm32_imm8, Sub_rm64_imm8],
        [And_rm8_imm8, And_rm16_imm8, And_rm32_imm8, And_rm64_imm8], [Cmp_rm8_imm8, Cmp_rm16_imm8, Cmp_rm32_imm8, Cmp_rm64_imm8],
        [Shl_rm8_imm8, Shl_rm16_imm8, Shl_rm32_imm8, Shl_rm64_imm8], [Shr_rm8_imm8, Shr_rm16_imm8, Shr_rm32_imm8, Shr_rm64_imm8],
        [Sar_rm8_imm8, Sar_rm16_imm8, Sar_rm32_imm8, Sar_rm64_imm8], [Rol_rm8_imm8, Rol_rm16_imm8, Rol_rm32_imm8, Rol_rm64_imm8],
        [Ror_rm8_imm8, Ror_rm16_imm8, Ror_rm32_imm8, Ror_rm64_imm8],
    ];

    private static readonly Code[][] ByCl =
    [
        [Shl_rm8_CL, Shl_rm16_CL, Shl_rm32_CL, Shl_rm64_CL], [Shr_rm8_CL, Shr_rm16_CL, Shr_rm32_CL, Shr_rm64_CL],
        [Sar_rm8_CL, Sar_rm16_CL, Sar_rm32_CL, Sar_rm64_CL], [Rol_rm8_CL, Rol_rm16_CL, Rol_rm32_CL, Rol_rm64_CL],
        [Ror_rm8_CL, Ror_rm16_CL, Ror_rm32_CL, Ror_rm64_CL],
    ];

    private static readonly Code[][] One =
    [
        [Inc_rm8, Inc_rm16, Inc_rm32, Inc_rm64], [Dec_rm8, Dec_rm16, Dec_rm32, Dec_rm64], [Neg_rm8, Neg_rm16, Neg_rm32, Neg_rm64],
        [Not_rm8, Not_rm16, Not_rm32, Not_rm64], [Mul_rm8, Mul_rm16, Mul_rm32, Mul_rm64], [Imul_rm8, Imul_rm16, Imul_rm32, Imul_rm64],
    ];

    // From 16 bits on: no byte forms.
    private static readonly Code[][] WideTwo =
    [
        [Imul_r16_rm16, Imul_r32_rm32, Imul_r64_rm64], [Bt_rm16_r16, Bt_rm32_r32, Bt_rm64_r64], [Bts_rm16_r16, Bts_rm32_r32, Bts_rm64_r64],
        [Btr_rm16_r16, Btr_rm32_r32, Btr_rm64_r64], [Btc_rm16_r16, Btc_rm32_r32, Btc_rm64_r64], [Bsf_r16_rm16, Bsf_r32_rm32, Bsf_r64_rm64],
        [Bsr_r16_rm16, Bsr_r32_rm32, Bsr_r64_rm64], [Tzcnt_r16_rm16, Tzcnt_r32_rm32, Tzcnt_r64_rm64],
        [Lzcnt_r16_rm16, Lzcnt_r32_rm32, Lzcnt_r64_rm64], [Popcnt_r16_rm16, Popcnt_r32_rm32, Popcnt_r64_rm64],
        [Cmova_r16_rm16, Cmova_r32_rm32, Cmova_r64_rm64], [Cmovb_r16_rm16, Cmovb_r32_rm32, Cmovb_r64_rm64],
        [Cmove_r16_rm16, Cmove_r32_rm32, Cmove_r64_rm64], [Cmovle_r16_rm16, Cmovle_r32_rm32, Cmovle_r64_rm64],
        [Cmovo_r16_rm16, Cmovo_r32_rm32, Cmovo_r64_rm64], [Cmovs_r16_rm16, Cmovs_r32_rm32, Cmovs_r64_rm64],
        [Cmovl_r16_rm16, Cmovl_r32_rm32, Cmovl_r64_rm64], [Cmovnp_r16_rm16, Cmovnp_r32_rm32, Cmovnp_r64_rm64],
    ];

    private static readonly Code[] Set =
    [
        Seto_rm8, Setno_rm8, Setb_rm8, Setae_rm8, Sete_rm8, Setne_rm8, Setbe_rm8, Seta_rm8, Sets_rm8, Setns_rm8, Setp_rm8, Setnp_rm8, Setl_rm8, Setge_rm8,
        Setle_rm8, Setg_rm8,
    ];

    private static readonly Code[] Plain = [Cbw, Cwde, Cdqe, Cwd, Cdq, Cqo, Stc, Clc, Cmc];

    // Without a rule: what they write becomes unknown.
    private static readonly (Code Code, int First, int Second)[] Unruled = [(Rcl_rm32_1, 32, 0), (Xadd_rm32_r32, 32, 32), (Xadd_rm8_r8, 8, 8), (Cmpxchg_rm64_r64, 64, 64)];

    public List<Instruction> Sequence(int length)
    {
        var code = new List<Instruction>(length);
        while (code.Count < length) Append(code);
        return code;
    }

    private void Append(List<Instruction> code)
    {
        var size = random.Next(4);
        var bits = 8 << size;
        switch (random.Next(14))
        {
            case 0 or 1 or 2:
                code.Add(Instruction.Create(Pick(TwoRegisters)[size], Any(bits), Any(bits)));
                break;
            case 3 or 4:
                code.Add(Instruction.Create(Pick(RegisterAndByte)[size], Any(bits), (int)(sbyte)random.Next(256)));
                break;
            case 5:
                code.Add(Instruction.Create(Pick(ByCl)[size], Any(bits), Register.CL));
                break;
            case 6:
                code.Add(Instruction.Create(Pick(One)[size], Any(bits)));
                break;
            case 7 or 8:
                code.Add(Instruction.Create(Pick(WideTwo)[Math.Max(0, size - 1)], Any(Math.Max(16, bits)), Any(Math.Max(16, bits))));
                break;
            case 9:
                code.Add(Instruction.Create(Pick(Set), Any(8)));
                break;
            case 10:
                code.Add(Instruction.Create(Pick(Plain)));
                break;
            case 11:
                code.Add(Load());
                break;
            case 12:
                Divide(code);
                break;
            default:
                Extend(code);
                break;
        }
    }

    private Instruction Load()
    {
        var scale = 1 << random.Next(4);
        var memory = new MemoryOperand(Any(64), Any(64), scale, random.Next(-200, 200), 8);
        return random.Next(4) switch
        {
            0 => Instruction.Create(Lea_r32_m, Any(32), memory),
            1 => Instruction.Create(Mov_r64_imm64, Any(64), (ulong)random.NextInt64()),
            2 => Instruction.Create(Imul_r32_rm32_imm32, Any(32), Any(32), random.Next(-1000, 1000)),
            _ => Instruction.Create(Lea_r64_m, Any(64), memory),
        };
    }

    /// <summary>The dividend's high half and the divisor are made harmless first.</summary>
    private void Divide(List<Instruction> code)
    {
        var by = Pick(new[] { Register.RCX, Register.RBX, Register.RSI, Register.R9 });
        var narrow = random.Next(2) == 0;
        var signed = random.Next(2) == 0;
        if (random.Next(2) == 0 || signed) code.Add(Instruction.Create(And_rm64_imm32, by, random.Next(1 << 30)));
        code.Add(Instruction.Create(Or_rm32_imm8, by - Register.RAX + Register.EAX, 1));
        if (signed) code.Add(Instruction.Create(narrow ? Cdq : Cqo));
        else code.Add(Instruction.Create(Xor_rm32_r32, Register.EDX, Register.EDX));
        var operand = narrow ? by - Register.RAX + Register.EAX : by;
        code.Add(Instruction.Create((signed, narrow) switch { (true, true) => Idiv_rm32, (true, false) => Idiv_rm64, (false, true) => Div_rm32, _ => Div_rm64 }, operand));
    }

    private void Extend(List<Instruction> code) => code.Add(random.Next(8) switch
    {
        0 => Instruction.Create(Movzx_r32_rm8, Any(32), Any(8, high: false)),
        1 => Instruction.Create(Movzx_r32_rm16, Any(32), Any(16)),
        2 => Instruction.Create(Movsx_r32_rm8, Any(32), Any(8, high: false)),
        3 => Instruction.Create(Movsx_r64_rm8, Any(64), Any(8, high: false)),
        4 => Instruction.Create(Movsxd_r64_rm32, Any(64), Any(32)),
        5 => Instruction.Create(Bswap_r64, Any(64)),
        6 => Instruction.Create(Bswap_r32, Any(32)),
        _ => Unknown(),
    });

    private Instruction Unknown()
    {
        var (code, first, second) = Pick(Unruled);
        return second == 0 ? Instruction.Create(code, Any(first), 1) : Instruction.Create(code, Any(first), Any(second));
    }

    private T Pick<T>(T[] from) => from[random.Next(from.Length)];

    // The high bytes cannot be encoded next to r8–r15, sil and so on: bytes come from the first four registers only.
    private Register Any(int bits, bool high = true)
    {
        if (bits == 8) return Register.AL + random.Next(high ? 8 : 4);
        int index;
        do index = random.Next(16); while (index == 4);
        return bits switch { 16 => Register.AX + index, 32 => Register.EAX + index, _ => Register.RAX + index };
    }
}
