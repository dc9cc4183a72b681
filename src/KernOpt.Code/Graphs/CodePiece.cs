using System.Buffers;
using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// The decoded part of one function range. Only reached offsets are decoded; a byte is unknown, the start of exactly one instruction,
/// or inside exactly one. Its arrays are lent (a module of 95,000 functions would otherwise throw away a gigabyte of them): nothing of it may be looked at after Dispose.
/// </summary>
internal sealed class CodePiece : IDisposable
{
    private const int Inside = -1;

    private readonly int length;
    private readonly byte[] bytes;
    private readonly int[] slots;
    private readonly bool[] leaders;
    private readonly ByteArrayCodeReader reader;
    private readonly Decoder decoder;
    private Instruction[] instructions;
    private int count;

    private CodePiece(Function function, byte[] bytes, int length)
    {
        Function = function;
        this.length = length;
        this.bytes = bytes;
        slots = ArrayPool<int>.Shared.Rent(length);
        leaders = ArrayPool<bool>.Shared.Rent(length);
        Array.Clear(slots, 0, length);
        Array.Clear(leaders, 0, length);
        reader = new ByteArrayCodeReader(bytes, 0, length);
        decoder = Decoder.Create(64, reader);
        instructions = ArrayPool<Instruction>.Shared.Rent(length / 4 + 1);
    }

    public Function Function { get; }
    public int Length => length;

    public static CodePiece? TryRead(Function function, ICodeSource source)
    {
        var length = (int)function.Size;
        var bytes = ArrayPool<byte>.Shared.Rent(length);
        if (source.Read(function.Start, bytes.AsSpan(0, length)) == length) return new CodePiece(function, bytes, length);
        ArrayPool<byte>.Shared.Return(bytes);
        return null;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(bytes);
        ArrayPool<int>.Shared.Return(slots);
        ArrayPool<bool>.Shared.Return(leaders);
        ArrayPool<Instruction>.Shared.Return(instructions);
        instructions = [];
    }

    public bool Contains(Address address) => Function.Range.Contains(address);

    public int OffsetOf(Address address) => (int)(address - Function.Start);

    public bool IsStart(int offset) => slots[offset] > 0;

    public bool IsInside(int offset) => slots[offset] == Inside;

    public bool IsLeader(int offset) => leaders[offset];

    public void MarkLeader(int offset) => leaders[offset] = true;

    public ref readonly Instruction At(int offset) => ref instructions[slots[offset] - 1];

    /// <summary>Decodes at an unknown offset. False with no instruction when the bytes are invalid or cut off by the end of the range.</summary>
    public bool TryDecode(int offset, out Instruction instruction, out bool overlaps)
    {
        overlaps = false;
        reader.Position = offset;
        decoder.IP = Function.Start.Value + (ulong)offset;
        decoder.Decode(out instruction);
        if (instruction.IsInvalid) return false;
        if (slots.AsSpan(offset + 1, instruction.Length - 1).ContainsAnyExcept(0))
        {
            overlaps = true;
            return false;
        }
        if (count == instructions.Length) Grow();
        instructions[count++] = instruction;
        slots[offset] = count;
        slots.AsSpan(offset + 1, instruction.Length - 1).Fill(Inside);
        return true;
    }

    private void Grow()
    {
        var larger = ArrayPool<Instruction>.Shared.Rent(2 * count);
        instructions.AsSpan(0, count).CopyTo(larger);
        ArrayPool<Instruction>.Shared.Return(instructions);
        instructions = larger;
    }
}
