using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Optimize.Passes;

namespace KernOpt.Optimize;

/// <summary>Measures a body.</summary>
internal static class BodyMeasure
{
    public static BodySize SizeOf(FunctionBody body)
    {
        var encoder = Encoder.Create(64, new NullWriter());
        var (instructions, bytes) = (0, 0);
        foreach (var block in body.Order)
        {
            instructions += block.Instructions.Count + (block.End is Terminator.Unreachable or Terminator.Goto ? 0 : 1);
            foreach (var instruction in block.Instructions) bytes += LengthOf(instruction, encoder, body.Function.Start.Value);
        }
        return new BodySize(body.Order.Count, instructions, bytes);
    }

    /// <summary>Decoded instructions know their length; changed and new ones have length 0 and are encoded near the original.</summary>
    private static int LengthOf(in Instruction instruction, Encoder encoder, ulong near) =>
        instruction.Length != 0 ? instruction.Length
        : encoder.TryEncode(instruction, instruction.IP != 0 ? instruction.IP : near, out var length, out _) ? (int)length : 0;

    private sealed class NullWriter : CodeWriter
    {
        public override void WriteByte(byte value)
        {
        }
    }
}
