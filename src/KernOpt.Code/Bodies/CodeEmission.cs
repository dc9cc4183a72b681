using System.Buffers.Binary;
using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>Writes pieces whose addresses are settled.</summary>
internal sealed class CodeEmission(PieceList list, Address at, int length)
{
    private readonly InstructionEncoder encoder = new();
    private readonly ImmutableArray<(Address Original, Address Moved)>.Builder map = ImmutableArray.CreateBuilder<(Address, Address)>();

    public byte[] Bytes { get; } = new byte[length];
    public ImmutableArray<(Address Original, Address Moved)> Map => map.ToImmutable();

    public Refusal? Run()
    {
        foreach (var piece in list.Pieces)
        {
            if (Emit(piece) is { } why) return why;
        }
        foreach (var table in list.Tables)
        {
            if (EmitTable(table) is { } why) return why;
        }
        return null;
    }

    private Refusal? Emit(Piece piece)
    {
        var room = Bytes.AsSpan((int)(piece.At - at), piece.Length);
        switch (piece)
        {
            case LabelPiece:
                Nops.Fill(room);
                return null;
            case JumpPiece jump:
                return EmitJump(jump, room);
            case CounterPiece counter:
                var moved = counter.Instruction;
                moved.NearBranch64 = counter.Target.Close.Value;
                return EmitInstruction(moved, counter.At, room);
            case InstructionPiece fixedPiece:
                var instruction = fixedPiece.Instruction;
                return Repoint(ref instruction) ?? EmitInstruction(instruction, piece.At, room);
            default:
                throw new InvalidOperationException($"unknown piece {piece.GetType().Name}");
        }
    }

    private Refusal? EmitInstruction(in Instruction instruction, Address place, Span<byte> room)
    {
        if (!encoder.Encode(instruction, place).Try(out var bytes, out var why)) return why;
        if (bytes.Length != room.Length) return Reasons.NotEncodable.With($"{instruction}: {bytes.Length} bytes at {place}, measured {room.Length}");
        bytes.CopyTo(room);
        if (instruction.IP != 0) map.Add((new Address(instruction.IP), place));
        return null;
    }

    private static Refusal? EmitJump(JumpPiece jump, Span<byte> room)
    {
        var distance = jump.Target.Address - jump.Close;
        if (distance != (int)distance) return Reasons.OperandOutOfReach.With($"jump from {jump.At} to {jump.Target.Address}");
        var number = Conditions.NumberOf(jump.Condition);
        if (!jump.IsNear)
        {
            room[0] = jump.Condition == ConditionCode.None ? (byte)0xeb : (byte)(0x70 + number);
            room[1] = unchecked((byte)(sbyte)distance);
            return null;
        }
        if (jump.Condition == ConditionCode.None) room[0] = 0xe9;
        else (room[0], room[1]) = (0x0f, (byte)(0x80 + number));
        BinaryPrimitives.WriteInt32LittleEndian(room[^4..], (int)distance);
        return null;
    }

    /// <summary>Points the instruction that holds a table's address at the copy's table.</summary>
    private Refusal? Repoint(ref Instruction instruction)
    {
        if (instruction.IP == 0) return null;
        foreach (var table in list.Tables)
        {
            if (table.Anchor.Value != instruction.IP) continue;
            if (!TableAnchor.TryRepoint(ref instruction, table.Table.Original.Table, table.At)) return Reasons.TableOutOfReach.With($"{instruction} at {instruction.IP:x}, table at {table.At}");
            table.IsPointedAt = true;
        }
        return null;
    }

    private Refusal? EmitTable(TablePiece table)
    {
        if (!table.IsPointedAt) return Reasons.TableBaseLost.With($"no instruction from {table.Anchor}");
        var room = Bytes.AsSpan((int)(table.At - at), table.Length);
        for (var i = 0; i < table.Targets.Count; i++)
        {
            var target = table.Targets[i].Address;
            if (table.Table.Original.Kind == JumpTableKind.Absolute)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(room[(i * 8)..], target.Value);
                continue;
            }
            var distance = target - table.At;
            if (distance != (int)distance) return Reasons.OperandOutOfReach.With($"table at {table.At} to {target}");
            BinaryPrimitives.WriteInt32LittleEndian(room[(i * 4)..], (int)distance);
        }
        return null;
    }
}
