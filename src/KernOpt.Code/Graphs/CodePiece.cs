using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// The decoded part of one function range. Only reached offsets are decoded; a byte is unknown, the start of exactly one instruction,
/// or inside exactly one.
/// </summary>
internal sealed class CodePiece
{
    private const int Inside = -1;

    private readonly int[] slots;
    private readonly bool[] leaders;
    private readonly ByteArrayCodeReader reader;
    private readonly Decoder decoder;
    private readonly List<Instruction> instructions;

    private CodePiece(Function function, byte[] bytes)
    {
        Function = function;
        slots = new int[bytes.Length];
        leaders = new bool[bytes.Length];
        reader = new ByteArrayCodeReader(bytes);
        decoder = Decoder.Create(64, reader);
        instructions = new List<Instruction>(bytes.Length / 4);
    }

    public Function Function { get; }
    public int Length => slots.Length;

    public static CodePiece? TryRead(Function function, ICodeSource source)
    {
        var bytes = new byte[(int)function.Size];
        return source.Read(function.Start, bytes) == bytes.Length ? new CodePiece(function, bytes) : null;
    }

    public bool Contains(Address address) => Function.Range.Contains(address);

    public int OffsetOf(Address address) => (int)(address - Function.Start);

    public bool IsStart(int offset) => slots[offset] > 0;

    public bool IsInside(int offset) => slots[offset] == Inside;

    public bool IsLeader(int offset) => leaders[offset];

    public void MarkLeader(int offset) => leaders[offset] = true;

    public Instruction At(int offset) => instructions[slots[offset] - 1];

    /// <summary>Decodes at an unknown offset. False with no instruction when the bytes are invalid or cut off by the end of the range.</summary>
    public bool TryDecode(int offset, out Instruction instruction, out bool overlaps)
    {
        overlaps = false;
        reader.Position = offset;
        decoder.IP = Function.Start.Value + (ulong)offset;
        decoder.Decode(out instruction);
        if (instruction.IsInvalid) return false;
        for (var i = 1; i < instruction.Length; i++)
        {
            if (slots[offset + i] == 0) continue;
            overlaps = true;
            return false;
        }
        instructions.Add(instruction);
        slots[offset] = instructions.Count;
        slots.AsSpan(offset + 1, instruction.Length - 1).Fill(Inside);
        return true;
    }
}
