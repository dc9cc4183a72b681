using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>Iced's encoder with refusals for errors. Lengths do not depend on the place: branches are laid out by <see cref="PieceList"/>.</summary>
internal sealed class InstructionEncoder
{
    private readonly Buffer buffer = new();
    private readonly Encoder encoder;

    public InstructionEncoder() => encoder = Encoder.Create(64, buffer);

    public Outcome<int> MeasureLength(in Instruction instruction) => Encode(instruction, NearPlace(instruction)).Then<int>(bytes => bytes.Length);

    public Outcome<byte[]> Encode(in Instruction instruction, Address at)
    {
        buffer.Bytes.Clear();
        if (!encoder.TryEncode(instruction, at.Value, out _, out var error))
        {
            var isReach = instruction.IsIPRelativeMemoryOperand || instruction.Op0Kind == OpKind.NearBranch64;
            return (isReach ? Reasons.OperandOutOfReach : Reasons.NotEncodable).With($"{instruction} at {at}: {error}");
        }
        return buffer.Bytes.ToArray();
    }

    /// <summary>A place from which every relative operand of the instruction is in reach.</summary>
    private static Address NearPlace(in Instruction instruction)
    {
        if (instruction.IsIPRelativeMemoryOperand) return new Address(instruction.IPRelativeMemoryAddress);
        return new Address(instruction.OpCount > 0 && instruction.Op0Kind == OpKind.NearBranch64 ? instruction.NearBranch64 : instruction.IP);
    }

    private sealed class Buffer : CodeWriter
    {
        public List<byte> Bytes { get; } = [];

        public override void WriteByte(byte value) => Bytes.Add(value);
    }
}
