using System.Buffers.Binary;
using CsCheck;

namespace KernOpt.Tests.Binary;

/// <summary>One change to a file. Position is a share of the file, or of its headers; Value is what is written or where bytes are copied from.</summary>
internal readonly record struct Damage(DamageKind Kind, double Position, int Width, ulong Value)
{
    public override string ToString() => $"{Kind} at {Position:r} width {Width} value 0x{Value:x}";
}

internal enum DamageKind
{
    HeaderField,
    TableField,
    AnyField,
    FlipBit,
    Splice,
    Truncate,
}

/// <summary>Damages real files: header fields and table entries set to extremes, bits flipped, stretches copied over others, the end cut off.</summary>
internal static class HostileBytes
{
    private static readonly ulong[] Extremes =
    [
        0, 1, 2, 3, 4, 7, 8, 0x10, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x100000000,
        0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffff00, 0xfffffffffffffff0, 0xfffffffffffffff8, 0xfffffffffffffffe, 0xffffffffffffffff,
    ];

    private static readonly Gen<Damage> OneDamage = Gen.Select(
        Gen.Frequency((4, Gen.Const(DamageKind.HeaderField)), (6, Gen.Const(DamageKind.TableField)), (3, Gen.Const(DamageKind.AnyField)),
            (3, Gen.Const(DamageKind.FlipBit)), (2, Gen.Const(DamageKind.Splice)), (1, Gen.Const(DamageKind.Truncate))),
        Gen.Double[0, 1], Gen.Int[0, 3].Select(i => 1 << i), Gen.Frequency((3, Gen.Int[0, Extremes.Length - 1].Select(i => Extremes[i])), (1, Gen.ULong)),
        (kind, position, width, value) => new Damage(kind, position, width, value));

    public static Gen<Damage[]> Damages { get; } = OneDamage.Array[1, 6];

    /// <summary>Tables: offsets into the file around which fields are damaged more often (program headers, dynamic section, unwind tables).</summary>
    public static byte[] Apply(byte[] file, IReadOnlyList<(int Start, int Length)> tables, Damage[] damages)
    {
        var bytes = file.ToArray();
        foreach (var damage in damages)
        {
            if (bytes.Length < 8) break;
            var table = tables[(int)(damage.Value % (ulong)tables.Count)];
            switch (damage.Kind)
            {
                case DamageKind.HeaderField:
                    Write(bytes, (int)(damage.Position * 63), damage.Width, damage.Value);
                    break;
                case DamageKind.TableField:
                    Write(bytes, table.Start + (int)(damage.Position * table.Length), damage.Width, damage.Value);
                    break;
                case DamageKind.AnyField:
                    Write(bytes, (int)(damage.Position * (bytes.Length - 1)), damage.Width, damage.Value);
                    break;
                case DamageKind.FlipBit:
                    bytes[(int)(damage.Position * (bytes.Length - 1))] ^= (byte)(1 << (int)(damage.Value & 7));
                    break;
                case DamageKind.Splice:
                    Splice(bytes, damage);
                    break;
                default:
                    bytes = bytes[..(int)(damage.Position * bytes.Length)];
                    break;
            }
        }
        return bytes;
    }

    private static void Splice(byte[] bytes, Damage damage)
    {
        var to = (int)(damage.Position * (bytes.Length - 1));
        var from = (int)(damage.Value % (ulong)bytes.Length);
        var length = Math.Min(damage.Width * 32, bytes.Length - Math.Max(from, to));
        bytes.AsSpan(from, length).CopyTo(bytes.AsSpan(to));
    }

    private static void Write(byte[] bytes, int at, int width, ulong value)
    {
        Span<byte> word = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(word, value);
        at = Math.Clamp(at, 0, bytes.Length - 1);
        var length = Math.Min(width, bytes.Length - at);
        word[..length].CopyTo(bytes.AsSpan(at));
    }
}
