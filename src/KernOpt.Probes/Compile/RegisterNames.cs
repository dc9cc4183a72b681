using Iced.Intel;

namespace KernOpt.Probes.Compile;

/// <summary>Narrower names of 64-bit registers. Iced numbers al, cl, dl, bl, ah, ch, dh, bh, spl, bpl, sil, dil, r8l, …</summary>
internal static class RegisterNames
{
    public static AssemblerRegister32 Low32(this AssemblerRegister64 register) => new(Register.EAX + Number(register));
    public static AssemblerRegister16 Low16(this AssemblerRegister64 register) => new(Register.AX + Number(register));

    public static AssemblerRegister8 Low8(this AssemblerRegister64 register) =>
        new(Number(register) < 4 ? Register.AL + Number(register) : Register.SPL + (Number(register) - 4));

    private static int Number(Register full) => full - Register.RAX;
}
