using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Live.Regions;

namespace KernOpt.Live.Sites;

/// <summary>
/// What is known about a site, as two words of its entry. Facts: bit 0 flags dead at the site, bit 1 at the function's entry, bits 32..63 stack depth.
/// More: for each argument a byte, the number of the register that holds it as the processor numbers them, or 255.
/// </summary>
internal static class SiteFacts
{
    private const int Lost = 255;

    public static ulong Facts(PatchSite site) => (site.FlagsDead ? 1UL : 0) | (site.FlagsDeadAtEntry ? 2UL : 0) | (ulong)(uint)site.StackDepth << 32;

    public static ulong More(PatchSite site)
    {
        var word = 0UL;
        for (var i = 0; i < site.Arguments.Length; i++)
        {
            var number = site.Arguments[i] == Register.None ? Lost : site.Arguments[i] - Register.RAX;
            word |= (ulong)number << (8 * i);
        }
        return word;
    }

    public static bool FlagsDead(Entry entry) => (entry.Facts & 1) != 0;

    public static bool FlagsDeadAtEntry(Entry entry) => (entry.Facts & 2) != 0;

    public static int StackDepth(Entry entry) => (int)(entry.Facts >> 32);

    public static ImmutableArray<Register> Arguments(Entry entry)
    {
        var places = new Register[EntryWalk.ArgumentRegisters.Length];
        for (var i = 0; i < places.Length; i++)
        {
            var number = (int)(entry.More >> (8 * i) & 0xFF);
            places[i] = number < 16 ? Register.RAX + number : Register.None;
        }
        return [.. places];
    }
}
