using KernOpt.Code.Bodies;
using KernOpt.Target;
using KernOpt.Validate;

namespace KernOpt.Tests.Validate;

/// <summary>Requests about functions that are nothing but bytes at an address.</summary>
internal static class ByteRequest
{
    public const ulong Original = 0x40_0000;
    public const ulong Version = 0x50_0000;

    public static ValidationRequest Of(byte[] original, byte[] version, params (ulong Original, ulong Moved)[] map)
    {
        var code = new EncodedCode(new Address(Version), version, [new Address(Version)], [.. map.Select(m => (new Address(m.Original), new Address(m.Moved)))])
        {
            CodeBytes = version.Length,
            Blocks = [],
        };
        var at = new Address(Original);
        return new ValidationRequest(new OriginalCode(at, [new AddressRange(at, (ulong)original.Length)], at), new VersionCode(code, new Address(Version)))
        {
            Map = new TargetMap([], []),
            Read = (from, into) =>
            {
                if (from != at || into.Length > original.Length) return 0;
                original.AsSpan(0, into.Length).CopyTo(into);
                return into.Length;
            },
        };
    }
}
