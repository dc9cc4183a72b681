using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Optimize.Facts;

namespace KernOpt.Optimize.Guards;

/// <summary>
/// Which registers hold the low bits of which argument at a place in the entry block: copies are followed, everything else that is written is forgotten.
/// <code>
///     mov ebx, esi          ; rbx: 32 bits of rsi
///     xor esi, esi          ; rsi: nothing
/// </code>
/// </summary>
internal sealed class ArgumentPlaces
{
    private readonly Dictionary<Register, (Register Argument, int Bits)> places = [];

    public static ArgumentPlaces After(IEnumerable<Instruction> prefix, IEnumerable<Register> arguments)
    {
        var result = new ArgumentPlaces();
        foreach (var argument in arguments) result.places[argument] = (argument, 64);
        foreach (var instruction in prefix) result.Advance(instruction);
        return result;
    }

    /// <summary>A register of at least so many bits of the argument, preferably the argument itself; None when it is nowhere.</summary>
    public Register Find(Register argument, int bits) => places
        .Where(p => p.Value.Argument == argument && p.Value.Bits >= bits)
        .OrderBy(p => p.Key == argument ? 0 : 1).ThenBy(p => p.Key).Select(p => p.Key).FirstOrDefault();

    private void Advance(in Instruction instruction)
    {
        (Register, int)? copied = null;
        if (instruction.Mnemonic is Mnemonic.Mov or Mnemonic.Movsxd && IsRegister(instruction, 0) && IsRegister(instruction, 1)
            && places.TryGetValue(instruction.Op1Register.GetFullRegister(), out var held))
        {
            var width = Math.Min(MachineFacts.WidthOf(instruction.Op1Register), MachineFacts.WidthOf(instruction.Op0Register));
            if (width >= 32) copied = (held.Argument, Math.Min(width, held.Bits));
        }
        Forget(instruction);
        if (copied is { } copy) places[instruction.Op0Register.GetFullRegister()] = copy;
    }

    private void Forget(in Instruction instruction)
    {
        var isCall = instruction.FlowControl is FlowControl.Call or FlowControl.IndirectCall;
        var written = RegisterEffects.Of(instruction).Writes;
        foreach (var register in places.Keys.ToList())
        {
            // psABI 3.2.1: the callee preserves these.
            if (isCall && CalleeSaved.Contains(register)) continue;
            if (written.Parts(register) != RegisterPart.None) places.Remove(register);
        }
    }

    private static bool IsRegister(in Instruction i, int operand) => i.GetOpKind(operand) == OpKind.Register && i.GetOpRegister(operand).IsGPR();

    private static readonly Register[] CalleeSaved = [Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15];
}
